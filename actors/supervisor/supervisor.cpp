#include "dbs/actors/supervisor/supervisor.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/caf/front.hpp"

#include <algorithm>

namespace dbs {

namespace {

/// How often stashed requests are checked for their deadlines, while there are any.
constexpr caf::timespan stash_tick = std::chrono::milliseconds{20};

caf::error no_such_child(const std::string& id) {
  return fail(errc::not_found, "there is no child '" + id + "'", {{"child", id}});
}

health_report unhealthy(const std::string& id, std::string why) {
  return {id, health_status::unhealthy, std::move(why), {}};
}

} // namespace

// -- order of start ----------------------------------------------------------------

caf::expected<std::vector<child_spec>>
supervisor_state::start_order(std::vector<child_spec> children) {
  std::vector<child_spec> sorted;
  auto is_known = [](const std::vector<child_spec>& xs, const std::string& id) {
    return std::any_of(xs.begin(), xs.end(), [&id](const child_spec& x) { return x.id == id; });
  };
  for (auto& what : children)
    for (auto& dependency : what.dependencies)
      if (!is_known(children, dependency))
        return fail(errc::invalid_argument, "child '" + what.id + "' depends on '" + dependency +
                                                "', which does not exist");
  while (!children.empty()) {
    auto can_start = [&](const child_spec& x) {
      return std::all_of(x.dependencies.begin(), x.dependencies.end(),
                         [&](const std::string& id) { return is_known(sorted, id); });
    };
    auto next = std::find_if(children.begin(), children.end(), can_start);
    if (next == children.end())
      return fail(errc::invalid_argument,
                  "child '" + children.front().id + "' depends on itself through others");
    sorted.push_back(std::move(*next));
    children.erase(next);
  }
  return sorted;
}

// -- behavior ----------------------------------------------------------------------

supervisor_state::supervisor_state(loop_actor<supervisor_actor>* self,
                                   std::vector<child_spec> children,
                                   std::shared_ptr<observe::logger> log)
    : self_(self), log_(std::move(log)) {
  for (auto& spec : children)
    children_.emplace_back(std::move(spec));
}

supervisor_state::~supervisor_state() {
  for (auto& what : children_) {
    front::of(what.spec.front).close();
    if (what.actor)
      caf::anon_send_exit(what.actor, caf::exit_reason::kill);
  }
}

supervisor_actor::behavior_type supervisor_state::make_behavior() {
  for (auto& what : children_)
    what.since = self_->now();
  start_what_can_start();
  expire_stashes();
  return {
      [this](tree_atom, const call_context&) { return tree(); },
      [this](ready_atom, const call_context& context) { return wait_ready(context); },
      [this](health_atom, const call_context&) { return collect_health(); },
      [this](stats_atom, const call_context& context, const std::string& id) {
        return stats_of(context, id);
      },
      [this](resize_atom, const call_context& context, const std::string& id,
             const resize_request& request) { return resize(context, id, request); },
      [this](restart_atom, const call_context&, const std::string& id) { return restart(id); },
      [this](shutdown_atom, const call_context&) { return shutdown(); },
  };
}

// -- starting and restarting -------------------------------------------------------

void supervisor_state::start_what_can_start() {
  for (size_t i = 0; i < children_.size() && !stopping_; ++i) {
    auto attempted = [this](const std::string& id) { return find(id)->attempted; };
    auto& dependencies = children_[i].spec.dependencies;
    if (children_[i].state == child_state::waiting &&
        std::all_of(dependencies.begin(), dependencies.end(), attempted))
      spawn(i);
  }
}

void supervisor_state::spawn(size_t index) {
  auto& what = children_[index];
  auto incarnation = ++what.incarnation;
  enter_state(what, child_state::starting);
  if (!what.attempted)
    self_->timers().schedule_after(what.spec.start_patience, [this, index] {
      children_[index].attempted = true;
      start_what_can_start();
    });
  try {
    what.actor = what.spec.spawn();
  } catch (const std::exception& e) {
    on_death(index, incarnation, fail(errc::restarted, e.what()));
    return;
  }
  expire_stashes();
  self_->monitor(what.actor, [this, index, incarnation](const caf::error& reason) {
    on_death(index, incarnation, reason);
  });
  for (auto& [size, value] : what.sizes)
    self_->mail(resize_atom_v, call_context{}, resize_request{size, value}).send(what.actor);
  self_->mail(start_atom_v, call_context{})
      .request(what.actor, caf::infinite)
      .then([this, index, incarnation] { on_started(index, incarnation, {}); },
            [this, index, incarnation](const caf::error& reason) {
              on_started(index, incarnation, reason);
            });
}

void supervisor_state::on_started(size_t index, uint64_t incarnation, const caf::error& failure) {
  auto& what = children_[index];
  // The start of an incarnation that died is answered by its death.
  if (what.incarnation != incarnation || what.state != child_state::starting)
    return;
  what.attempted = true;
  front::of(what.spec.front).up(caf::actor_cast<caf::strong_actor_ptr>(what.actor));
  if (failure) {
    what.last_error = describe(failure);
    enter_state(what, child_state::not_ready);
    log_->log("supervisor", observe::log_level::error,
              "DatabaseServices initialization failed: " + what.spec.id + ": " +
                  detail(failure).what);
    self_->mail(ready_atom_v, call_context{})
        .request(what.actor, caf::infinite)
        .then([this, index, incarnation] { on_ready(index, incarnation); },
              [](const caf::error&) { /* the child died, which its monitor tells */ });
  } else {
    on_ready(index, incarnation);
  }
  start_what_can_start();
}

void supervisor_state::on_ready(size_t index, uint64_t incarnation) {
  auto& what = children_[index];
  if (what.incarnation != incarnation || !what.running())
    return;
  enter_state(what, child_state::up);
  log_->log("supervisor", observe::log_level::info, what.spec.id + " is ready",
            {{"child", what.spec.id}, {"incarnation", static_cast<int64_t>(incarnation)}});
  if (all_up())
    answer_ready({});
}

void supervisor_state::on_death(size_t index, uint64_t incarnation, const caf::error& reason) {
  auto& what = children_[index];
  if (what.incarnation != incarnation)
    return;
  what.actor = nullptr;
  if (stopping_) {
    front::of(what.spec.front).close();
    enter_state(what, child_state::stopped);
    stop_next();
    return;
  }
  front::of(what.spec.front).down();
  what.last_error = describe(reason);
  if (what.state == child_state::up && self_->now() - what.since >= what.spec.healthy_after)
    what.delay.reset();
  log_->log("supervisor", observe::log_level::error, what.spec.id + " died: " + what.last_error,
            {{"child", what.spec.id}, {"incarnation", static_cast<int64_t>(incarnation)}});
  restart_later(index);
}

void supervisor_state::restart_later(size_t index) {
  auto& what = children_[index];
  ++what.restarts;
  enter_state(what, child_state::backoff);
  expire_stashes();
  auto delay = what.delay.next();
  if (delay <= caf::timespan{0}) {
    spawn(index);
    return;
  }
  self_->timers().schedule_after(delay, [this, index] {
    if (!stopping_)
      spawn(index);
  });
}

void supervisor_state::enter_state(child& what, child_state state) {
  what.state = state;
  what.since = self_->now();
}

/// Keeps ticking while a front may hold requests whose deadline passes.
void supervisor_state::expire_stashes() {
  if (stash_timer_)
    return;
  stash_timer_ = self_->timers().schedule_after(stash_tick, [this] {
    stash_timer_ = {};
    auto busy = false;
    for (auto& what : children_) {
      if (what.state == child_state::waiting || what.state == child_state::starting ||
          what.state == child_state::backoff) {
        front::of(what.spec.front).expire(self_->now());
        busy = true;
      }
    }
    if (busy)
      expire_stashes();
  });
}

// -- readiness ---------------------------------------------------------------------

bool supervisor_state::all_up() const {
  return std::all_of(children_.begin(), children_.end(),
                     [](const child& x) { return x.state == child_state::up; });
}

caf::error supervisor_state::why_not_ready(errc code) const {
  std::string what;
  for (auto& x : children_) {
    if (x.state == child_state::up)
      continue;
    what += (what.empty() ? "" : "; ") + x.spec.id + " is " + to_string(x.state);
    if (!x.last_error.empty())
      what += " (" + x.last_error + ")";
  }
  return fail(code, what);
}

void supervisor_state::answer_ready(const caf::error& reason) {
  for (auto& waiter : ready_waiters_) {
    self_->timers().cancel(waiter.timer);
    if (reason)
      waiter.answer.deliver(reason);
    else
      waiter.answer.deliver();
  }
  ready_waiters_.clear();
}

caf::result<void> supervisor_state::wait_ready(const call_context& context) {
  if (stopping_)
    return fail(errc::draining, "DatabaseServices is shutting down");
  if (all_up())
    return caf::unit;
  if (ready_waiters_.size() >= max_ready_waiters)
    return fail(errc::overloaded, std::to_string(max_ready_waiters) +
                                      " callers wait for DatabaseServices to be ready already");
  auto number = ++last_waiter_;
  ready_waiters_.push_back({number, reply<void>{self_}, {}});
  if (context.has_deadline()) {
    ready_waiters_.back().timer = self_->timers().schedule(context.deadline, [this, number] {
      auto is_it = [number](const ready_waiter& x) { return x.number == number; };
      auto i = std::find_if(ready_waiters_.begin(), ready_waiters_.end(), is_it);
      i->answer.deliver(why_not_ready(errc::not_ready));
      ready_waiters_.erase(i);
    });
  }
  return reply<void>::pending();
}

// -- reports -----------------------------------------------------------------------

std::vector<child_info> supervisor_state::tree() const {
  std::vector<child_info> result;
  for (auto& x : children_)
    result.push_back({x.spec.id, x.state, x.incarnation, x.restarts,
                      std::chrono::duration_cast<caf::timespan>(self_->now() - x.since),
                      x.spec.dependencies, x.last_error, front::of(x.spec.front).stats()});
  return result;
}

caf::result<std::vector<health_report>> supervisor_state::collect_health() {
  struct round {
    reply<std::vector<health_report>> answer;
    std::vector<health_report> reports;
    size_t missing = 0;
  };
  auto collected = std::make_shared<round>();
  collected->answer = reply<std::vector<health_report>>{self_};
  collected->reports.resize(children_.size());
  collected->missing = children_.size() + 1;
  auto done = [collected] {
    if (--collected->missing == 0)
      collected->answer.deliver(std::move(collected->reports));
  };
  for (size_t i = 0; i < children_.size(); ++i) {
    auto& what = children_[i];
    if (!what.running()) {
      auto why = what.spec.id + " is " + to_string(what.state) +
                 (what.last_error.empty() ? "" : ": " + what.last_error);
      collected->reports[i] = unhealthy(what.spec.id, why);
      done();
      continue;
    }
    auto id = what.spec.id;
    // A finite CAF timeout, because a child that hangs is what this must survive.
    self_->mail(health_atom_v, call_context::within(self_->now(), health_timeout))
        .request(what.actor, health_timeout)
        .then(
            [collected, done, i](health_report& report) {
              collected->reports[i] = std::move(report);
              done();
            },
            [collected, done, i, id](const caf::error& reason) {
              collected->reports[i] = unhealthy(id, id + " did not answer: " + describe(reason));
              done();
            });
  }
  done();
  return reply<std::vector<health_report>>::pending();
}

caf::result<stats_report> supervisor_state::stats_of(const call_context& context,
                                                     const std::string& id) {
  auto what = find(id);
  if (what == nullptr)
    return no_such_child(id);
  if (!what->running())
    return fail(errc::not_ready, id + " is " + to_string(what->state));
  return self_->mail(stats_atom_v, context).delegate(what->actor);
}

caf::result<void> supervisor_state::resize(const call_context& context, const std::string& id,
                                           const resize_request& request) {
  auto what = find(id);
  if (what == nullptr)
    return no_such_child(id);
  if (!what->running())
    return fail(errc::not_ready, id + " is " + to_string(what->state));
  auto answer = std::make_shared<reply<void>>(self_);
  self_->mail(resize_atom_v, context, request)
      .request(what->actor, caf::infinite)
      .then(
          [what, request, answer] {
            what->sizes[request.what] = request.size;
            answer->deliver();
          },
          [answer](caf::error& reason) { answer->deliver(std::move(reason)); });
  return reply<void>::pending();
}

caf::result<void> supervisor_state::restart(const std::string& id) {
  auto what = find(id);
  if (what == nullptr)
    return no_such_child(id);
  if (!what->running())
    return fail(errc::not_ready, id + " is " + to_string(what->state));
  caf::anon_send_exit(what->actor, caf::exit_reason::kill);
  return caf::unit;
}

supervisor_state::child* supervisor_state::find(const std::string& id) {
  auto i = std::find_if(children_.begin(), children_.end(),
                        [&id](const child& x) { return x.spec.id == id; });
  return i != children_.end() ? &*i : nullptr;
}

// -- shutdown ----------------------------------------------------------------------

caf::result<void> supervisor_state::shutdown() {
  shutdown_waiters_.push_back(reply<void>{self_});
  if (stopping_)
    return reply<void>::pending();
  stopping_ = true;
  answer_ready(fail(errc::draining, "DatabaseServices is shutting down"));
  stop_next();
  return reply<void>::pending();
}

/// Stops the last child that still runs, then comes back for the one before it.
void supervisor_state::stop_next() {
  for (auto i = children_.rbegin(); i != children_.rend(); ++i) {
    if (i->state == child_state::draining)
      return;
    auto& door = front::of(i->spec.front);
    if (!i->actor) {
      door.close();
      enter_state(*i, child_state::stopped);
      continue;
    }
    enter_state(*i, child_state::draining);
    log_->log("supervisor", observe::log_level::info, i->spec.id + " drains",
              {{"child", i->spec.id}});
    auto actor = i->actor;
    auto stop = [actor, &door] {
      door.close();
      caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    };
    auto deadline = i->spec.drain_timeout;
    // The child keeps the deadline itself; CAF's timeout covers a child that hangs.
    self_->mail(drain_atom_v, call_context::within(self_->now(), deadline))
        .request(actor, deadline + std::chrono::seconds{1})
        .then(stop, [stop](const caf::error&) { stop(); });
    return;
  }
  for (auto& waiter : shutdown_waiters_)
    waiter.deliver();
  shutdown_waiters_.clear();
}

// -- spawning ----------------------------------------------------------------------

supervisor_actor spawn_supervisor(event_loop& loop, std::vector<child_spec> children,
                                  std::shared_ptr<observe::logger> log) {
  return spawn_on<supervisor_state>(loop, std::move(children), std::move(log));
}

} // namespace dbs
