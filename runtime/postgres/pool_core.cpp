#include "dbs/runtime/postgres/pool_core.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/observe/mask.hpp"
#include "dbs/runtime/postgres/batch_rules.hpp"
#include "dbs/runtime/postgres/pool_sql.hpp"
#include "dbs/runtime/postgres/statement_class.hpp"

#include <utility>

namespace dbs::postgres {

// -- events of connections ----------------------------------------------------------

void pool_slot::on_connected(connection&) {
  pool.on_connected(*this);
}

void pool_slot::on_connect_failed(connection&, caf::error reason) {
  pool.on_connect_failed(*this, reason);
}

void pool_slot::on_part(connection&, pg_result part) {
  pool.on_part(*this, std::move(part));
}

void pool_slot::on_result(connection&, caf::expected<pg_result> result) {
  pool.on_result(*this, std::move(result));
}

void pool_slot::on_chunk(connection&, pg_chunk chunk) {
  pool.on_chunk(*this, std::move(chunk));
}

void pool_slot::on_cancel_settled(connection&) {
  pool.on_cancel_settled(*this);
}

void pool_slot::on_lost(connection&, caf::error reason) {
  pool.on_lost(*this, reason);
}

// -- life ---------------------------------------------------------------------------

pool_core::pool_core(const database_settings& settings, pool_options options, factory make,
                     timer_queue& timers, pool_client& client, pool_listener& listener)
    : settings_(settings), options_(options), pool_size_(settings.pool_size),
      max_overflow_(settings.max_overflow), make_(std::move(make)), timers_(timers),
      client_(client), listener_(listener), random_(static_cast<uint32_t>(options.seed)),
      gate_(options.seed), texts_(settings.shared_slow) {
  options_.incarnation &= (1U << (63 - pg_lease_counter_bits)) - 1;
}

pool_core::~pool_core() {
  auto forget = [this](request_list& requests) {
    for (auto& x : requests)
      timers_.cancel(x.timer);
  };
  for (auto& queue : waiting_)
    forget(queue);
  for (auto& [id, lease] : leases_) {
    forget(lease.pending);
    timers_.cancel(lease.leak_timer);
  }
  for (auto& s : slots_) {
    forget(s->running);
    timers_.cancel(s->cleanup_timer);
    timers_.cancel(s->watch_timer);
    timers_.cancel(s->lifetime_timer);
  }
  timers_.cancel(retry_timer_);
  timers_.cancel(reap_timer_);
  timers_.cancel(bury_timer_);
  timers_.cancel(drain_timer_);
}

void pool_core::start() {
  started_ = true;
  wants_one_ = true;
  pump();
}

// -- requests -----------------------------------------------------------------------

void pool_core::execute(request_token token, owner_id owner, pg_statement statement,
                        time_point deadline) {
  auto r = obtain(request_kind::execute, token, owner, deadline);
  if (auto problem = check_session_use(statement))
    return answer(fresh_, r, std::move(problem));
  r->lane = lane_of(statement, owner);
  r->statement = std::move(statement);
  submit(r);
}

caf::error pool_core::check_session_use(const pg_statement& statement,
                                        std::vector<field> fields) const {
  if (!settings_.transaction_pooler || !needs_own_session(statement.sql))
    return {};
  return fail(errc::invalid_argument,
              "the statement leaves something in its session, which a pooler lends for a "
              "transaction at a time (database.transaction_pooler): " +
                  observe::mask_sql(shorten_sql(statement.sql)),
              std::move(fields));
}

bool pool_core::probe(request_token token, time_point deadline) {
  if (established() == 0) {
    wants_one_ = true;
    pump();
  }
  if (draining_ || idle_.empty())
    return false;
  auto r = obtain(request_kind::probe, token, 0, deadline);
  r->statement.sql = "SELECT 1";
  auto& s = *idle_.back();
  idle_.pop_back();
  s.phase = slot_phase::statement;
  arm(r, deadline);
  run(s, fresh_, r);
  return true;
}

void pool_core::checkout(request_token token, owner_id owner, const pg_checkout& what,
                         time_point deadline) {
  auto r = obtain(request_kind::checkout, token, owner, deadline);
  r->allow_nested = what.allow_nested;
  submit(r);
}

void pool_core::execute(request_token token, pg_lease_statement what, time_point deadline) {
  auto r = obtain(request_kind::statement, token, 0, deadline);
  auto problem = check_session_use(what.statement);
  r->statement = std::move(what.statement);
  r->returns = rolls_back(r->statement.sql);
  submit_operation(what.lease, r, std::move(problem));
}

void pool_core::execute(request_token token, pg_batch what, time_point deadline) {
  auto r = obtain(request_kind::batch, token, 0, deadline);
  auto problem = check_batch(what);
  for (size_t i = 0; i < what.statements.size() && !problem; ++i)
    problem = check_session_use(what.statements[i], {statement_field(i)});
  r->batch = std::move(what.statements);
  submit_operation(what.lease, r, std::move(problem));
}

void pool_core::begin(request_token token, const pg_transaction& what, time_point deadline) {
  auto r = obtain(request_kind::begin, token, 0, deadline);
  r->statement.sql = begin_sql(what);
  r->read_only = what.read_only;
  submit_operation(what.lease, r);
}

void pool_core::commit(request_token token, pg_lease lease, time_point deadline) {
  auto r = obtain(request_kind::commit, token, 0, deadline);
  r->statement.sql = "COMMIT";
  submit_operation(lease, r);
}

void pool_core::rollback(request_token token, pg_lease lease, time_point deadline) {
  auto r = obtain(request_kind::rollback, token, 0, deadline);
  r->statement.sql = "ROLLBACK";
  r->returns = true;
  submit_operation(lease, r);
}

void pool_core::savepoint(request_token token, const pg_savepoint& what, time_point deadline) {
  auto r = obtain(request_kind::savepoint, token, 0, deadline);
  r->returns = what.action == pg_savepoint_action::rollback_to;
  auto sql = savepoint_sql(what);
  if (!sql)
    return submit_operation(what.lease, r, std::move(sql.error()));
  r->statement.sql = std::move(*sql);
  submit_operation(what.lease, r);
}

void pool_core::release(request_token token, pg_lease lease) {
  submit_operation(lease, obtain(request_kind::release, token, 0, time_point::max()));
}

// -- control ------------------------------------------------------------------------

void pool_core::owner_down(owner_id owner) {
  auto gone = fail(errc::peer_unavailable, "the requester is gone");
  for (auto& queue : waiting_)
    for (auto r = queue.begin(); r != queue.end();) {
      auto next = std::next(r);
      if (r->owner == owner)
        answer(queue, r, gone);
      r = next;
    }
  std::vector<uint64_t> held;
  for (auto& [id, lease] : leases_)
    if (lease.owner == owner)
      held.push_back(id);
  for (auto id : held) {
    auto& lease = leases_.at(id);
    auto reason = fail(errc::invalid_argument,
                       "lease " + std::to_string(id) + " was taken back: its owner is gone",
                       {lease_field(lease.name)});
    auto holder = holder_of(lease, timers_.now());
    note(pool_event::reclaimed, lease.slot != nullptr ? lease.slot->conn.get() : nullptr, nullptr,
         &holder);
    reclaim(lease, reason);
  }
}

caf::error pool_core::resize(uint32_t pool_size, uint32_t max_overflow) {
  if (pool_size == 0)
    return fail(errc::invalid_argument, "the pool size must be at least 1");
  if (uint64_t{pool_size} + max_overflow > max_connections)
    return fail(errc::invalid_argument,
                "pool size and overflow together exceed what PostgreSQL allows",
                {{"pool_size", int64_t{pool_size}},
                 {"max_overflow", int64_t{max_overflow}},
                 {"limit", int64_t{max_connections}}});
  pool_size_ = pool_size;
  max_overflow_ = max_overflow;
  while (!idle_.empty() && (idle_.size() > pool_size_ || slots_.size() - closing_.size() > limit()))
    close_oldest_idle(pool_event::closed_shrink);
  send_cancels();
  refuse_self_waiters();
  pump();
  return {};
}

void pool_core::drain(time_point deadline) {
  if (!std::exchange(draining_, true)) {
    timers_.cancel(retry_timer_);
    timers_.cancel(reap_timer_);
    fail_waiters(errc::draining, "the pool is shutting down");
    for (auto& s : slots_)
      if (s->phase == slot_phase::idle || s->phase == slot_phase::connecting)
        close(*s);
  }
  timers_.cancel(drain_timer_);
  if (slots_.size() == closing_.size()) {
    // Nothing to wait for, but the answer must not come from within this call.
    drained_ = false;
    return bury_soon();
  }
  if (deadline == time_point::max())
    return;
  if (deadline <= timers_.now())
    return finish_drain();
  drain_timer_ = timers_.schedule(deadline, [this] {
    drain_timer_ = {};
    finish_drain();
  });
}

void pool_core::finish_drain() {
  auto reason = fail(errc::draining, "the pool is shutting down: what was running was cancelled");
  while (!leases_.empty())
    reclaim(leases_.begin()->second, reason);
  for (auto& s : slots_)
    if (s->phase == slot_phase::statement)
      for (auto r = s->running.begin(); r != s->running.end(); ++r)
        if (!r->refused)
          abandon(*s, r, reason);
}

} // namespace dbs::postgres
