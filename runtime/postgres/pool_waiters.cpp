// Requests that need a connection: who gets the next one, and until when they wait.
#include "dbs/runtime/postgres/pool_core.hpp"

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
    return answer(fresh_, r, fail(errc::draining, "the pool is shutting down"));
  if (r->deadline <= r->arrived)
    return answer(
        fresh_, r,
        fail(errc::deadline_exceeded, "the deadline had passed before the request arrived"));
  auto& queue = queue_of(r->lane);
  // A small one does not overtake a large one that waits for a place.
  if (auto* s = queue.empty() ? slot_for(*r) : nullptr) {
    grant(*s, fresh_, r);
    return pump();
  }
  if (refused_ && established() == 0 && gate_.waits(r->arrived))
    return answer(fresh_, r, fail(errc::connection_lost, "the server refuses connections"));
  if (waiting() >= max_waiting())
    return answer(fresh_, r,
                  fail(errc::overloaded, "too many requests wait for a connection",
                       {{"max_waiting", static_cast<int64_t>(max_waiting())}}));
  if (r->kind == request_kind::checkout && !r->allow_nested && all_leased() &&
      held_by(r->owner) != nullptr)
    return refuse_nested(fresh_, r);
  r->place = request_place::waiting;
  queue.splice(queue.end(), fresh_, r);
  arm(r, std::min(r->deadline, r->acquire_by));
  pump();
}

bool pool_core::submit_again(pool_slot& from) {
  auto r = from.running.begin();
  // Each connection that the pool may have can be met broken once.
  if (draining_ || r->moves > limit() || r->deadline <= timers_.now() ||
      r->kind == request_kind::probe)
    return false;
  ++r->moves;
  note(pool_event::retried, from.conn.get());
  timers_.cancel(r->timer);
  r->place = request_place::waiting;
  r->slot = nullptr;
  auto& queue = queue_of(r->lane);
  queue.splice(queue.begin(), from.running, r);
  // Served even if the acquire timeout has passed, as long as that needs no wait.
  if (auto* s = slot_for(*r))
    grant(*s, queue, r);
  else
    arm(r, std::min(r->deadline, r->acquire_by));
  return true;
}

void pool_core::grant(pool_slot& s, request_list& from, request_ref r) {
  timers_.cancel(r->timer);
  if (r->moves == 0)
    listener_.record_acquire(timers_.now() - r->arrived);
  if (r->kind == request_kind::checkout)
    return grant_lease(s, from, r);
  s.phase = slot_phase::statement;
  enter_lane(s, r->lane);
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
  r->plan_epoch = plan_epoch_;
  if (s.running.begin() == r)
    s.head_since = r->started;
  auto guarded = r->deadline == time_point::max() || settings_.transaction_pooler;
  if (r->lane == request_lane::shared)
    watch(s, s.head_since + texts_.threshold());
  else if (guarded && settings_.statement_timeout > caf::timespan::zero()) {
    auto latest = r->started + settings_.statement_timeout + timeout_grace();
    if (latest < r->deadline) {
      timers_.cancel(r->timer);
      arm(r, latest);
    }
  }
  s.busy = true;
  if (r->kind == request_kind::transfer)
    return run_transfer(s, *r);
  auto batch = r->kind == request_kind::batch;
  if (!batch && r->kind != request_kind::execute && r->kind != request_kind::statement)
    return s.conn->command(r->statement.sql);
  count(pool_event::statements, batch ? r->batch.size() : 1);
  if (s.plan_epoch != plan_epoch_) {
    s.plan_epoch = plan_epoch_;
    s.conn->forget_statements();
  }
  if (r->lane == request_lane::slow)
    count(pool_event::shared_slow);
  if (r->lane == request_lane::shared) {
    count(pool_event::shared);
    s.shared_bytes += r->bytes();
    return s.conn->share(r->statement);
  }
  if (!batch)
    return s.conn->execute(r->statement);
  r->parts.clear();
  r->part_bytes = 0;
  s.conn->execute_batch(r->batch);
}

void pool_core::arm(request_ref r, time_point at) {
  r->timer = timers_.schedule(at, [this, r] { on_deadline(r); });
}

void pool_core::on_deadline(request_ref r) {
  r->timer = {};
  switch (r->place) {
  case request_place::waiting: {
    auto& queue = queue_of(r->lane);
    if (r->moves == 0)
      listener_.record_acquire(timers_.now() - r->arrived);
    if (r->deadline <= r->acquire_by)
      return answer(
          queue, r,
          fail(errc::deadline_exceeded, "the deadline passed before a connection was free"));
    count(pool_event::acquire_timeouts);
    std::vector<field> more;
    if (auto* held = held_by(r->owner))
      more.push_back(lease_field(held->name));
    return answer(queue, r,
                  fail(errc::pool_exhausted,
                       "no connection became free within " + pretty(settings_.acquire_timeout),
                       std::move(more)));
  }
  case request_place::pending:
    r->mark_refused();
    return deliver(*r, fail(errc::deadline_exceeded,
                            "the deadline passed while other requests ran on the lease",
                            {lease_field(r->lease->name)}));
  case request_place::running:
    return abandon(
        *r->slot, r,
        r->deadline <= timers_.now()
            ? fail(errc::deadline_exceeded, "the deadline passed while the statement ran")
            : server_overrun());
  }
}

caf::error pool_core::server_overrun() const {
  return fail(errc::deadline_exceeded,
              (settings_.transaction_pooler
                   ? "the statement ran longer than the statement timeout of "
                   : "the server did not keep the statement timeout of ") +
                  pretty(settings_.statement_timeout));
}

// -- answers ------------------------------------------------------------------------

void pool_core::answer(request_list& from, request_ref r, caf::error reason) {
  if (!r->refused)
    deliver(*r, std::move(reason));
  recycle(from, r);
}

void pool_core::deliver(const pool_request& r, caf::error reason) {
  if (reason && r.kind != request_kind::probe) {
    count_error(reason);
    if (depends_on_situation(reason))
      reason = with_situation(reason, situation());
  }
  switch (r.kind) {
  case request_kind::execute:
  case request_kind::statement:
    return client_.on_result(r.token, std::move(reason));
  case request_kind::batch:
    return client_.on_results(r.token, std::move(reason));
  case request_kind::transfer:
    return client_.on_chunk(r.token, reason ? caf::expected<pg_chunk>{std::move(reason)}
                                            : pg_chunk{{}, {}, true});
  case request_kind::checkout:
    return client_.on_lease(r.token, std::move(reason));
  default:
    return client_.on_done(r.token, std::move(reason));
  }
}

void pool_core::answer_batch(request_list& from, request_ref r) {
  if (r->part_bytes > pg_result::max_size)
    return answer(from, r,
                  fail(errc::payload_too_large,
                       "the batch was executed, but its results together are too large",
                       {{"limit", static_cast<int64_t>(pg_result::max_size)}}));
  auto token = r->token;
  auto parts = std::move(r->parts);
  recycle(from, r);
  client_.on_results(token, std::move(parts));
}

void pool_core::answer_result(request_list& from, request_ref r, pg_result result) {
  if (r->kind == request_kind::batch)
    return answer_batch(from, r);
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
  for (auto& queue : waiting_)
    while (!queue.empty())
      answer(queue, queue.begin(), fail(code, what));
}

// -- bounds -------------------------------------------------------------------------

bool pool_core::all_leased() const {
  auto leased = [](const auto& s) { return s->phase == slot_phase::lease; };
  return slots_.size() >= limit() && std::all_of(slots_.begin(), slots_.end(), leased);
}

void pool_core::refuse_nested(request_list& from, request_ref r) {
  count(pool_event::nested_refused);
  auto held = held_by(r->owner)->name;
  answer(from, r,
         fail(errc::pool_exhausted,
              "all connections are leased and the requester itself holds lease " +
                  std::to_string(held.id) + ": waiting might never end",
              {lease_field(held)}));
}

void pool_core::refuse_self_waiters() {
  auto& queue = queue_of(request_lane::own);
  if (queue.empty() || !all_leased())
    return;
  lease_owners_.clear();
  for (auto& s : slots_)
    lease_owners_.push_back(s->lease->owner);
  std::sort(lease_owners_.begin(), lease_owners_.end());
  for (auto r = queue.begin(); r != queue.end();) {
    auto next = std::next(r);
    if (r->kind == request_kind::checkout && !r->allow_nested &&
        std::binary_search(lease_owners_.begin(), lease_owners_.end(), r->owner))
      refuse_nested(queue, r);
    r = next;
  }
}

const pool_lease* pool_core::held_by(owner_id owner) const {
  for (auto& s : slots_)
    if (s->lease != nullptr && s->lease->owner == owner)
      return s->lease;
  return nullptr;
}

size_t pool_core::waiting() const noexcept {
  size_t result = 0;
  for (auto& queue : waiting_)
    result += queue.size();
  return result;
}

size_t pool_core::max_waiting() const noexcept {
  return settings_.max_waiting != 0 ? settings_.max_waiting : 10 * limit();
}

} // namespace dbs::postgres
