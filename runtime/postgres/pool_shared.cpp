// Statements of several callers on one connection, sent without waiting for one
// another's answers, and those that are too slow for that.
#include "dbs/runtime/postgres/pool_core.hpp"

#include <algorithm>

namespace dbs::postgres {

namespace {

/// If all connections that are shared have more statements under way and none is idle,
/// there shall be one more.
constexpr size_t comfortable_depth = 8;

} // namespace

// -- who shares ---------------------------------------------------------------------

size_t pool_core::max_shared() const noexcept {
  // A reset belongs between two users. Behind a pooler it is not known who is next.
  if (settings_.strict_reset || settings_.transaction_pooler)
    return 0;
  return std::min<size_t>(settings_.shared_connections, limit());
}

size_t pool_core::max_slow() const noexcept {
  return std::max<size_t>(1, limit() - max_shared());
}

request_lane pool_core::lane_of(const pg_statement& statement, owner_id owner) {
  if (!statement.share || max_shared() == 0 || !statement.params.error().empty() ||
      statement.sql.size() + statement.params.bytes() > max_shared_bytes)
    return request_lane::own;
  // Who holds a lease may hold locks, and must not wait behind one who waits for these.
  if (!leases_.empty() && held_by(owner) != nullptr)
    return request_lane::own;
  return texts_.lane_of(statement.sql);
}

// -- finding a connection -----------------------------------------------------------

bool pool_core::admits(request_lane lane) const noexcept {
  switch (lane) {
  case request_lane::shared:
    return sharing_.size() < max_shared();
  case request_lane::slow:
    return slow_ < max_slow();
  default:
    return true;
  }
}

pool_slot* pool_core::slot_for(const pool_request& r) {
  if (!idle_.empty() && admits(r.lane)) {
    auto* s = idle_.back();
    idle_.pop_back();
    return s;
  }
  pool_slot* best = nullptr;
  if (r.lane == request_lane::shared)
    for (auto* s : sharing_)
      if (takes(*s, r) && (best == nullptr || s->running.size() < best->running.size()))
        best = s;
  return best;
}

bool pool_core::takes(const pool_slot& s, const pool_request& r) const {
  // Who waits for a connection of his own gets this one as soon as it runs dry, if no
  // other can be expected.
  auto others = waiting() - queue_of(request_lane::shared).size();
  auto leased = leases_.size() - lost_leases_.size();
  return s.lane == request_lane::shared && s.running.size() < max_shared_depth &&
         s.shared_bytes + r.bytes() <= max_shared_bytes && !s.abandoned && !s.broken &&
         !must_close(s) && !s.conn->congested() &&
         s.conn->status() != transaction_status::unknown &&
         (others == 0 || sharing_.size() + leased < limit());
}

request_list* pool_core::next_queue() {
  request_list* result = nullptr;
  for (auto lane : {request_lane::own, request_lane::shared, request_lane::slow}) {
    auto& queue = queue_of(lane);
    if (!queue.empty() && admits(lane) &&
        (result == nullptr || queue.front().arrived < result->front().arrived))
      result = &queue;
  }
  return result;
}

size_t pool_core::wanted() const noexcept {
  auto room = [](size_t most, size_t now) { return most > now ? most - now : 0; };
  auto full = [](const pool_slot* s) { return s->running.size() > comfortable_depth; };
  auto crowded =
      idle_.empty() && !sharing_.empty() && std::all_of(sharing_.begin(), sharing_.end(), full);
  auto shared = queue_of(request_lane::shared).size() + (crowded ? 1 : 0);
  return queue_of(request_lane::own).size() +
         std::min(shared, room(max_shared(), sharing_.size())) +
         std::min(queue_of(request_lane::slow).size(), room(max_slow(), slow_));
}

// -- lanes --------------------------------------------------------------------------

void pool_core::enter_lane(pool_slot& s, request_lane lane) {
  if (s.lane == lane)
    return;
  if (lane == request_lane::slow)
    ++slow_;
  else if (lane == request_lane::shared)
    sharing_.push_back(&s);
  s.lane = lane;
}

void pool_core::leave_lane(pool_slot& s) {
  if (s.lane == request_lane::shared)
    std::erase(sharing_, &s);
  else if (s.lane == request_lane::slow)
    --slow_;
  s.lane = request_lane::own;
}

void pool_core::feed(pool_slot& s) {
  auto& queue = queue_of(request_lane::shared);
  while (!queue.empty() && takes(s, queue.front()))
    grant(s, queue, queue.begin());
}

// -- what hangs ---------------------------------------------------------------------

void pool_core::watch(pool_slot& s, time_point at) {
  // One timer, moved when it fires, instead of one for each statement.
  if (s.watch_timer)
    return;
  s.watch_timer = timers_.schedule(at, [this, &s] {
    s.watch_timer = {};
    on_watch(s);
  });
}

void pool_core::on_watch(pool_slot& s) {
  if (s.running.empty() || s.running.front().lane != request_lane::shared)
    return;
  auto now = timers_.now();
  auto slow_at = s.head_since + texts_.threshold();
  if (s.lane == request_lane::shared && slow_at > now)
    return watch(s, slow_at);
  if (s.lane == request_lane::shared)
    turn_slow(s);
  if (settings_.statement_timeout <= caf::timespan::zero())
    return;
  auto limit = settings_.statement_timeout + timeout_grace();
  if (s.head_since + limit > now)
    return watch(s, s.head_since + limit);
  if (!s.running.front().refused)
    abandon(s, s.running.begin(), server_overrun());
  watch(s, now + limit);
}

void pool_core::turn_slow(pool_slot& s) {
  auto& head = s.running.front();
  if (!head.refused)
    texts_.took(head.statement.sql, timers_.now() - s.head_since);
  leave_lane(s);
  enter_lane(s, request_lane::slow);
  // Another connection may take its place.
  auto& queue = queue_of(request_lane::shared);
  while (!queue.empty()) {
    auto* other = slot_for(queue.front());
    if (other == nullptr)
      break;
    grant(*other, queue, queue.begin());
  }
  pump();
}

} // namespace dbs::postgres
