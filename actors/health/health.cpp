#include "dbs/actors/health/health.hpp"

#include "dbs/messages/error_detail.hpp"

#include <algorithm>
#include <utility>

namespace dbs {

health_state::health_state(loop_actor<actor_type>* self, supervisor_actor supervisor,
                           health_options options)
    : self_(self), supervisor_(std::move(supervisor)), options_(std::move(options)) {}

health_state::actor_type::behavior_type health_state::make_behavior() {
  ask();
  self_->mail(ready_atom_v, call_context{})
      .request(supervisor_, caf::infinite)
      .then(
          [this] {
            options_.all_were_ready->store(true);
            // What the last round has found is likely to be out of date.
            again_ = true;
            if (!asking_)
              ask();
          },
          [](const caf::error&) { /* the services shut down */ });
  return {
      [this](report_atom, const call_context&) { return report(); },
      [this](refresh_atom, const call_context& context) { return refresh(context); },
      [this](start_atom, const call_context&) { return startup_.start(self_); },
      [this](ready_atom, const call_context&) { return startup_.ready(self_); },
      [this](drain_atom, const call_context&) {
        startup_.ended(fail(errc::draining, "health is shutting down"));
      },
      [](health_atom, const call_context&) {
        return health_report{"health", health_status::healthy, {}, {}};
      },
      [this](stats_atom, const call_context&) {
        return stats_report{"health",
                            {{"components", static_cast<int64_t>(last_.components.size())},
                             {"waiting", static_cast<int64_t>(waiting_.size())}}};
      },
      [](resize_atom, const call_context&, const resize_request& request) -> caf::result<void> {
        return fail(errc::invalid_argument, "health has no size '" + request.what + "'");
      },
  };
}

// -- those who wait ----------------------------------------------------------------

caf::result<services_health> health_state::refresh(const call_context& context) {
  if (waiting_.size() >= max_waiting)
    return fail(errc::overloaded,
                std::to_string(max_waiting) + " callers wait for the health already");
  auto number = ++last_waiter_;
  waiting_.push_back({number, reply<services_health>{self_}, {}});
  if (context.has_deadline())
    waiting_.back().deadline =
        self_->timers().schedule(context.deadline, [this, number] { give_up(number); });
  if (!asking_)
    ask();
  return reply<services_health>::pending();
}

void health_state::give_up(uint64_t number) {
  auto who = std::find_if(waiting_.begin(), waiting_.end(),
                          [number](const waiter& x) { return x.number == number; });
  who->answer.deliver(fail(errc::deadline_exceeded, "the managers have not answered in time"));
  waiting_.erase(who);
}

// -- rounds ------------------------------------------------------------------------

void health_state::ask() {
  asking_ = true;
  last_in_round_ = last_waiter_;
  again_ = false;
  self_->timers().cancel(next_round_);
  // The supervisor bounds how long a manager may take to answer.
  self_->mail(health_atom_v, call_context{})
      .request(supervisor_, caf::infinite)
      .then([this](std::vector<health_report>& reports) { on_reports(std::move(reports)); },
            [this](const caf::error& reason) { on_failure(reason); });
}

void health_state::degrade_for_others(std::vector<health_report>& reports) {
  for (auto& x : reports) {
    auto kind = x.component + ".";
    std::string why;
    for (auto& other : reports)
      if (other.status != health_status::healthy && other.component.starts_with(kind))
        why += (why.empty() ? "" : ", ") + other.component + " is " + to_string(other.status);
    if (x.status == health_status::healthy && !why.empty()) {
      x.status = health_status::degraded;
      x.detail = why;
    }
  }
}

void health_state::on_reports(std::vector<health_report> reports) {
  degrade_for_others(reports);
  last_.overall = health_status::healthy;
  for (auto& x : reports) {
    if (x.status == health_status::healthy)
      continue;
    auto fatal = x.status == health_status::unhealthy && options_.critical.contains(x.component);
    last_.overall =
        std::max(last_.overall, fatal ? health_status::unhealthy : health_status::degraded);
  }
  last_.components = std::move(reports);
  asked_at_ = self_->now();
  startup_.succeeded();
  end_round([this](reply<services_health>& caller) { caller.deliver(report()); });
}

/// The services shut down.
void health_state::on_failure(const caf::error& reason) {
  startup_.failed(reason);
  end_round([&reason](reply<services_health>& caller) { caller.deliver(reason); });
}

template <class Answer>
void health_state::end_round(const Answer& answer) {
  asking_ = false;
  auto later = std::find_if(waiting_.begin(), waiting_.end(),
                            [this](const waiter& x) { return x.number > last_in_round_; });
  for (auto who = waiting_.begin(); who != later; ++who) {
    self_->timers().cancel(who->deadline);
    answer(who->answer);
  }
  waiting_.erase(waiting_.begin(), later);
  if (again_ || !waiting_.empty()) {
    ask();
    return;
  }
  next_round_ = self_->timers().schedule_after(options_.settings.interval, [this] {
    next_round_ = {};
    ask();
  });
}

services_health health_state::report() const {
  auto result = last_;
  result.ready = options_.all_were_ready->load() && last_.overall != health_status::unhealthy;
  result.age = std::chrono::duration_cast<caf::timespan>(self_->now() - asked_at_);
  return result;
}

health_state::actor_type spawn_health(event_loop& loop, supervisor_actor supervisor,
                                      health_options options) {
  return spawn_on<health_state>(loop, std::move(supervisor), std::move(options));
}

} // namespace dbs
