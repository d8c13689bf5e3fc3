// Requests that need a connection: who gets the next one, and until when they wait.
#include "dbs/runtime/postgres/pool_core.hpp"
#include "dbs/runtime/postgres/pool_sql.hpp"

#include <algorithm>
#include <utility>

namespace dbs::postgres {

request_ref pool_core::obtain(request_kind kind, request_token token, owner_id owner,
                              time_point deadline) {
  if (spare_.empty())
    spare_.emplace_back();
  fresh_.splice(fresh_.end(), spare_, spare_.begin());
  auto r = std::prev(fresh_.end());
  r->kind = kind;
  r->token = token;
  r->owner = owner;
  r->arrived = timers_.now();
  r->deadline = deadline;
  r->acquire_by = r->arrived + settings_.acquire_timeout;
  return r;
}

void pool_core::submit(request_ref r) {
  if (draining_)
    return answer(fresh_, r, pool_error(errc::draining, "the pool is shutting down", situation()));
  if (r->deadline <= r->arrived)
    return answer(fresh_, r,
                  pool_error(errc::deadline_exceeded,
                             "the deadline had passed before the request arrived", situation()));
  if (!idle_.empty()) {
    auto* s = idle_.back();
    idle_.pop_back();
    grant(*s, fresh_, r);
    return pump();
  }
  if (refused_ && established() == 0 && gate_.waits(r->arrived))
    return answer(fresh_, r,
                  pool_error(errc::connection_lost, "the server refuses connections", situation()));
  if (waiting_.size() >= max_waiting())
    return answer(fresh_, r,
                  pool_error(errc::overloaded, "too many requests wait for a connection",
                             situation(), {{"max_waiting", static_cast<int64_t>(max_waiting())}}));
  if (would_deadlock(*r)) {
    count(pool_event::nested_refused);
    auto held = held_by(r->owner)->name;
    return answer(fresh_, r,
                  pool_error(errc::pool_exhausted,
                             "all connections are leased and the requester itself holds lease " +
                                 std::to_string(held.id) + ": waiting might never end",
                             situation(), {lease_field(held)}));
  }
  r->place = request_place::waiting;
  waiting_.splice(waiting_.end(), fresh_, r);
  arm(r, std::min(r->deadline, r->acquire_by));
  pump();
}

void pool_core::submit_again(pool_slot& from) {
  auto r = from.running.begin();
  ++r->moves;
  note(pool_event::retried, from.conn.get());
  timers_.cancel(r->timer);
  r->place = request_place::waiting;
  r->slot = nullptr;
  waiting_.splice(waiting_.begin(), from.running, r);
  // Served even if the acquire timeout has passed, as long as that needs no wait.
  if (!idle_.empty()) {
    auto* s = idle_.back();
    idle_.pop_back();
    return grant(*s, waiting_, r);
  }
  arm(r, std::min(r->deadline, r->acquire_by));
}

void pool_core::grant(pool_slot& s, request_list& from, request_ref r) {
  timers_.cancel(r->timer);
  if (r->moves == 0)
    listener_.record_acquire(timers_.now() - r->arrived);
  if (r->kind == request_kind::checkout)
    return grant_lease(s, from, r);
  s.phase = slot_phase::statement;
  if (r->deadline != time_point::max())
    arm(r, r->deadline);
  run(s, from, r);
}

void pool_core::run(pool_slot& s, request_list& from, request_ref r) {
  if (&from != &s.running)
    s.running.splice(s.running.end(), from, r);
  r->place = request_place::running;
  r->slot = &s;
  r->started = timers_.now();
  s.busy = true;
  if (r->kind != request_kind::execute && r->kind != request_kind::statement)
    return s.conn->command(r->statement.sql);
  count(pool_event::statements);
  if (s.plan_epoch != plan_epoch_) {
    s.plan_epoch = plan_epoch_;
    s.conn->forget_statements();
  }
  s.conn->execute(r->statement);
}

void pool_core::arm(request_ref r, time_point at) {
  r->timer = timers_.schedule(at, [this, r] { on_deadline(r); });
}

void pool_core::on_deadline(request_ref r) {
  r->timer = {};
  switch (r->place) {
  case request_place::waiting: {
    if (r->deadline <= r->acquire_by)
      return answer(waiting_, r,
                    pool_error(errc::deadline_exceeded,
                               "the deadline passed before a connection was free", situation()));
    count(pool_event::acquire_timeouts);
    std::vector<field> more;
    if (auto* held = held_by(r->owner))
      more.push_back(lease_field(held->name));
    return answer(
        waiting_, r,
        pool_error(errc::pool_exhausted,
                   "no connection became free within " + pretty(settings_.acquire_timeout),
                   situation(), std::move(more)));
  }
  case request_place::pending:
    return answer(r->lease->pending, r,
                  pool_error(errc::deadline_exceeded,
                             "the deadline passed while other requests ran on the lease",
                             situation(), {lease_field(r->lease->name)}));
  case request_place::running:
    return abandon(*r->slot,
                   pool_error(errc::deadline_exceeded,
                              "the deadline passed while the statement ran", situation()));
  }
}

// -- answers ------------------------------------------------------------------------

void pool_core::answer(request_list& from, request_ref r, caf::error reason) {
  auto token = r->token;
  auto kind = r->kind;
  recycle(from, r);
  if (reason)
    count_error(reason);
  switch (kind) {
  case request_kind::execute:
  case request_kind::statement:
    return client_.on_result(token, std::move(reason));
  case request_kind::checkout:
    return client_.on_lease(token, std::move(reason));
  default:
    return client_.on_done(token, std::move(reason));
  }
}

void pool_core::answer_result(request_list& from, request_ref r, pg_result result) {
  if (r->kind != request_kind::execute && r->kind != request_kind::statement)
    return answer(from, r, {});
  auto token = r->token;
  recycle(from, r);
  client_.on_result(token, std::move(result));
}

void pool_core::recycle(request_list& from, request_ref r) {
  timers_.cancel(r->timer);
  *r = pool_request{};
  spare_.splice(spare_.begin(), from, r);
}

void pool_core::fail_waiters(errc code, const std::string& what) {
  while (!waiting_.empty())
    answer(waiting_, waiting_.begin(), pool_error(code, what, situation()));
}

// -- bounds -------------------------------------------------------------------------

bool pool_core::would_deadlock(const pool_request& r) const {
  if (r.kind != request_kind::checkout || r.allow_nested || slots_.size() < limit())
    return false;
  auto leased = [](const auto& s) { return s->phase == slot_phase::lease; };
  return std::all_of(slots_.begin(), slots_.end(), leased) && held_by(r.owner) != nullptr;
}

const pool_lease* pool_core::held_by(owner_id owner) const {
  for (auto& s : slots_)
    if (s->lease != nullptr && s->lease->owner == owner)
      return s->lease;
  return nullptr;
}

size_t pool_core::max_waiting() const noexcept {
  return settings_.max_waiting != 0 ? settings_.max_waiting : 10 * limit();
}

} // namespace dbs::postgres
