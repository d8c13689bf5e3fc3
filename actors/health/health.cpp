#include "dbs/actors/health/health.hpp"

#include "dbs/messages/error_detail.hpp"

#include <algorithm>

namespace dbs {

health_state::health_state(loop_actor<actor_type>* self, supervisor_actor supervisor,
                           health_settings settings, std::set<std::string> critical)
    : self_(self), supervisor_(std::move(supervisor)), settings_(settings),
      critical_(std::move(critical)) {}

health_state::actor_type::behavior_type health_state::make_behavior() {
  ask();
  self_->mail(ready_atom_v, call_context{})
      .request(supervisor_, caf::infinite)
      .then(
          [this] {
            all_ready_ = true;
            refresh();
          },
          [](const caf::error&) { /* the services shut down */ });
  auto wait_for_first = [this](auto&&...) -> caf::result<void> {
    if (has_report_)
      return caf::unit;
    waiting_for_first_.emplace_back(self_);
    return reply<void>::pending();
  };
  return {
      [this](report_atom, const call_context&) { return report(); },
      [this](refresh_atom, const call_context&) -> caf::result<services_health> {
        waiting_for_fresh_.emplace_back(self_);
        refresh();
        return reply<services_health>::pending();
      },
      [wait_for_first](start_atom, const call_context&) { return wait_for_first(); },
      [wait_for_first](ready_atom, const call_context&) { return wait_for_first(); },
      [](drain_atom, const call_context&) {},
      [](health_atom, const call_context&) {
        return health_report{"health", health_status::healthy, {}, {}};
      },
      [this](stats_atom, const call_context&) {
        return stats_report{"health",
                            {{"components", static_cast<int64_t>(last_.components.size())}}};
      },
      [](resize_atom, const call_context&, const resize_request& request) -> caf::result<void> {
        return fail(errc::invalid_argument, "health has no size '" + request.what + "'");
      },
  };
}

void health_state::refresh() {
  if (asking_)
    again_ = true;
  else
    ask();
}

void health_state::ask() {
  asking_ = true;
  asked_when_ready_ = all_ready_;
  self_->timers().cancel(next_round_);
  self_->mail(health_atom_v, call_context{})
      .request(supervisor_, caf::infinite)
      .then([this](std::vector<health_report>& reports) { on_reports(std::move(reports)); },
            [](const caf::error&) { /* the services shut down */ });
}

void health_state::on_reports(std::vector<health_report> reports) {
  asking_ = false;
  last_.overall = health_status::healthy;
  for (auto& x : reports) {
    if (x.status == health_status::healthy)
      continue;
    auto fatal = x.status == health_status::unhealthy && critical_.contains(x.component);
    last_.overall =
        std::max(last_.overall, fatal ? health_status::unhealthy : health_status::degraded);
  }
  last_.components = std::move(reports);
  last_.ready = asked_when_ready_;
  asked_at_ = self_->now();
  has_report_ = true;
  for (auto& waiting : waiting_for_first_)
    waiting.deliver();
  waiting_for_first_.clear();
  if (std::exchange(again_, false)) {
    ask();
    return;
  }
  for (auto& waiting : waiting_for_fresh_)
    waiting.deliver(report());
  waiting_for_fresh_.clear();
  next_round_ = self_->timers().schedule_after(settings_.interval, [this] {
    next_round_ = {};
    ask();
  });
}

services_health health_state::report() const {
  auto result = last_;
  result.age = std::chrono::duration_cast<caf::timespan>(self_->now() - asked_at_);
  return result;
}

health_state::actor_type spawn_health(event_loop& loop, supervisor_actor supervisor,
                                      health_settings settings, std::set<std::string> critical) {
  return spawn_on<health_state>(loop, std::move(supervisor), settings, std::move(critical));
}

} // namespace dbs
