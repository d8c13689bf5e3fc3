// Leases: one request at a time on each, in order; what is open when a lease ends
// is rolled back.
#include "dbs/runtime/postgres/batch_rules.hpp"
#include "dbs/runtime/postgres/pool_core.hpp"
#include "dbs/runtime/postgres/pool_sql.hpp"
#include "dbs/runtime/postgres/statement_class.hpp"

#include <algorithm>

#include <utility>

namespace dbs::postgres {

namespace {

/// How many leases without a connection are remembered until their owners release
/// them; the oldest becomes an unknown lease.
constexpr size_t max_lost_leases = 1024;

} // namespace

// -- from checkout to release -------------------------------------------------------

void pool_core::grant_lease(pool_slot& s, request_list& from, request_ref r) {
  count(pool_event::checkouts);
  auto name = next_name();
  auto& lease = leases_[name.id];
  lease.name = name;
  lease.owner = r->owner;
  lease.since = timers_.now();
  lease.slot = &s;
  s.phase = slot_phase::lease;
  s.transaction = slot_transaction::none;
  s.lease = &lease;
  s.last_sql.clear();
  if (settings_.leak_threshold.count() > 0)
    lease.leak_timer = timers_.schedule(lease.since + settings_.leak_threshold,
                                        [this, &lease] { on_leak(lease); });
  auto token = r->token;
  recycle(from, r);
  client_.on_lease(token, name);
  refuse_self_waiters();
}

pg_lease pool_core::next_name() {
  return {uint64_t{options_.incarnation} << pg_lease_counter_bits | ++last_lease_};
}

void pool_core::on_leak(pool_lease& lease) {
  lease.leak_timer = {};
  lease.leaking = true;
  auto holder = holder_of(lease, timers_.now());
  note(pool_event::leak, lease.slot->conn.get(), nullptr, &holder);
}

void pool_core::end_lease(pool_lease& lease, request_list& releasing) {
  auto& s = *lease.slot;
  count(pool_event::releases);
  s.running.splice(s.running.end(), releasing, releasing.begin());
  s.running.front().place = request_place::running;
  s.running.front().slot = &s;
  forget_lease(lease);
  give_back(s);
}

void pool_core::forget_lease(pool_lease& lease) {
  if (lease.slot != nullptr) {
    listener_.record_hold(timers_.now() - lease.since);
    lease.slot->lease = nullptr;
  } else {
    std::erase(lost_leases_, lease.name.id);
  }
  timers_.cancel(lease.leak_timer);
  auto id = lease.name.id;
  leases_.erase(id);
}

void pool_core::reclaim(pool_lease& lease, const caf::error& reason) {
  while (!lease.pending.empty()) {
    auto r = lease.pending.begin();
    answer(lease.pending, r, r->kind == request_kind::release ? caf::error{} : reason);
  }
  auto* s = lease.slot;
  forget_lease(lease);
  if (s == nullptr)
    return;
  s->phase = slot_phase::cleaning;
  if (s->abandoned)
    return;
  if (s->busy)
    abandon(*s, s->running.begin(), reason);
  else
    give_back(*s);
}

void pool_core::lose_lease(pool_slot& s, const caf::error& reason) {
  auto& lease = *s.lease;
  auto holder = holder_of(lease, timers_.now());
  note(pool_event::lease_lost, s.conn.get(), &reason, &holder);
  listener_.record_hold(timers_.now() - lease.since);
  timers_.cancel(lease.leak_timer);
  lease.leaking = false;
  lease.slot = nullptr;
  s.lease = nullptr;
  s.phase = slot_phase::cleaning;
  lease.lost_reason = detail(reason).what;
  // Nobody has been told what became of a stream that writes.
  if (s.transfer && s.transfer_writes && s.transfer_in == transaction_status::idle)
    lease.lost_as = errc::in_doubt;
  auto error = lost_lease(lease);
  while (!lease.pending.empty()) {
    auto r = lease.pending.begin();
    answer(lease.pending, r, r->kind == request_kind::release ? caf::error{} : error);
  }
  if (lease.closing)
    return forget_lease(lease);
  lost_leases_.push_back(lease.name.id);
  if (lost_leases_.size() > max_lost_leases) {
    leases_.erase(lost_leases_.front());
    lost_leases_.pop_front();
  }
}

// -- operations ---------------------------------------------------------------------

void pool_core::submit_operation(pg_lease name, request_ref r, caf::error problem) {
  auto i = leases_.find(name.id);
  auto releases = r->kind == request_kind::release;
  if (i == leases_.end()) {
    auto ours = name.id >> pg_lease_counter_bits == options_.incarnation;
    auto counter = name.id & ((uint64_t{1} << pg_lease_counter_bits) - 1);
    // A lease that is not held any more may be released again.
    if (releases && ours && counter != 0 && counter <= last_lease_)
      return answer(fresh_, r, {});
    return answer(fresh_, r, unknown_lease(name));
  }
  auto& lease = i->second;
  if (lease.closing)
    return answer(fresh_, r, releases ? caf::error{} : unknown_lease(name));
  if (lease.slot == nullptr) {
    auto error = lost_lease(lease);
    if (releases)
      forget_lease(lease);
    return answer(fresh_, r, releases ? caf::error{} : std::move(error));
  }
  if (problem)
    return refuse_operation(lease, r, std::move(problem));
  if (r->deadline <= r->arrived)
    return refuse_operation(lease, r,
                            fail(errc::deadline_exceeded,
                                 "the deadline had passed before the request arrived",
                                 {lease_field(name)}));
  if (!releases && lease.pending.size() >= pool_lease::max_pending)
    return refuse_operation(
        lease, r,
        fail(errc::overloaded,
             "too many requests wait for their turn on lease " + std::to_string(name.id),
             {lease_field(name)}));
  lease.closing = releases;
  r->lease = &lease;
  r->place = request_place::pending;
  lease.pending.splice(lease.pending.end(), fresh_, r);
  if (r->deadline != time_point::max())
    arm(r, r->deadline);
  next_operation(lease);
}

void pool_core::refuse_operation(pool_lease& lease, request_ref r, caf::error reason) {
  deliver(*r, std::move(reason));
  r->mark_refused();
  // Of several in a row one mark is enough, so their number is bounded, too.
  if (!lease.pending.empty() && lease.pending.back().refused) {
    if (r->kind == request_kind::begin)
      lease.pending.back().kind = request_kind::begin;
    return recycle(fresh_, r);
  }
  r->lease = &lease;
  r->place = request_place::pending;
  lease.pending.splice(lease.pending.end(), fresh_, r);
  next_operation(lease);
}

void pool_core::spoil(pool_lease& lease, request_kind kind) {
  // Without a transaction there is nothing to spoil, but a BEGIN that is missing makes
  // single statements of those behind it.
  if (kind == request_kind::begin || standing(*lease.slot) != transaction_status::idle)
    lease.spoilt = true;
}

transaction_status pool_core::standing(const pool_slot& s) {
  return s.transfer ? s.transfer_in : s.conn->status();
}

caf::error pool_core::lost_lease(const pool_lease& lease) {
  return fail(lease.lost_as,
              "lease " + std::to_string(lease.name.id) +
                  " has lost its connection: " + lease.lost_reason,
              {lease_field(lease.name)});
}

caf::error pool_core::unknown_lease(pg_lease name) const {
  auto text = "lease " + std::to_string(name.id);
  if (name.id >> pg_lease_counter_bits != options_.incarnation)
    return fail(errc::restarted,
                text + " was given by an earlier incarnation of the pool: it is rolled back",
                {lease_field(name)});
  if (draining_)
    return fail(errc::draining, text + " is not held: the pool is shutting down",
                {lease_field(name)});
  return fail(errc::invalid_argument, text + " is not held: it was released or never given",
              {lease_field(name)});
}

void pool_core::next_operation(pool_lease& lease) {
  auto& s = *lease.slot;
  // On a connection that has just broken nothing starts: `on_lost` answers it.
  while (!s.busy && !s.abandoned && !lease.pending.empty() &&
         s.conn->status() != transaction_status::unknown) {
    auto r = lease.pending.begin();
    if (r->refused) {
      spoil(lease, r->kind);
      recycle(lease.pending, r);
      // It may have been a part of the data.
      if (s.transfer == pg_transfer_action::copy_in)
        quarantine(s);
      continue;
    }
    if (r->kind == request_kind::release)
      return end_lease(lease, lease.pending);
    start_operation(s, lease.pending, r);
  }
}

void pool_core::start_operation(pool_slot& s, request_list& from, request_ref r) {
  if (!admit(s, from, r))
    return;
  auto status = standing(s);
  r->sent_in = status;
  auto refuse = [&](const char* what) {
    answer(from, r, fail(errc::invalid_argument, what, {lease_field(s.lease->name)}));
  };
  if (s.lease->spoilt && !r->returns && !leave_spoilt(s, from, r))
    return;
  switch (r->kind) {
  case request_kind::begin:
    if (status != transaction_status::idle)
      return refuse("begin: a transaction is open on the lease already");
    break;
  case request_kind::commit:
    if (status == transaction_status::idle)
      return refuse("commit: no transaction is open on the lease");
    break;
  case request_kind::rollback:
    if (status == transaction_status::idle) {
      s.lease->spoilt = false;
      return answer(from, r, {});
    }
    break;
  case request_kind::batch:
    if (r->batch.empty())
      return answer_batch(from, r);
    if (status == transaction_status::idle)
      if (auto problem = check_own_transaction(r->batch))
        return answer(from, r, std::move(problem));
    break;
  case request_kind::savepoint:
    if (status == transaction_status::idle)
      return refuse("savepoint: no transaction is open on the lease");
    break;
  default:
    break;
  }
  auto& first = r->kind == request_kind::batch ? r->batch.front() : r->statement;
  if (!s.transfer)
    s.last_sql.assign(shorten_sql(first.sql));
  run(s, from, r);
}

bool pool_core::leave_spoilt(pool_slot& s, request_list& from, request_ref r) {
  auto& lease = *s.lease;
  auto open = s.conn->status() != transaction_status::idle;
  // As in PostgreSQL, a commit ends a transaction that has failed.
  if (r->kind == request_kind::commit) {
    r->sent_in = transaction_status::failed;
    r->statement.sql = "ROLLBACK";
    if (open)
      return true;
    lease.spoilt = false;
  }
  answer(from, r,
         fail(errc::query_failed,
              error_detail{"a request before this one was part of the transaction and was not run: "
                           "nothing is done until it is rolled back",
                           std::nullopt,
                           "25P02",
                           {lease_field(lease.name)}}));
  return false;
}

void pool_core::track_transaction(pool_slot& s, slot_transaction begun) {
  if (s.conn->status() == transaction_status::idle)
    s.transaction = slot_transaction::none;
  else if (s.transaction == slot_transaction::none)
    s.transaction = begun;
}

void pool_core::operation_done(pool_slot& s, caf::expected<pg_result> result) {
  auto r = s.running.begin();
  auto now = timers_.now();
  listener_.record_query(now - r->started);
  if (result)
    last_success_ = now;
  if (!result && breaks_connection(result.error())) {
    auto reason = std::move(result.error());
    answer(s.running, r, reason);
    return drop_broken(s, reason);
  }
  auto before = s.transaction;
  track_transaction(s, r->kind != request_kind::begin ? slot_transaction::typed_by_user
                       : r->read_only                 ? slot_transaction::begun_read_only
                                                      : slot_transaction::begun);
  if (result && (r->returns || s.conn->status() == transaction_status::idle))
    s.lease->spoilt = false;
  if (!result) {
    if (retry_stale_plan(s, result.error()))
      return;
    check_role(s, result.error(), before);
    // Whatever fails on the server fails its transaction: it has not seen this one.
    if (s.conn->status() != transaction_status::failed)
      spoil(*s.lease, r->kind);
    answer(s.running, r, std::move(result.error()));
  } else if (r->sent_in == transaction_status::failed &&
             (r->kind == request_kind::commit || commits(r->statement.sql))) {
    // PostgreSQL calls it a success, with the tag ROLLBACK.
    answer(s.running, r,
           fail(errc::query_failed,
                error_detail{"commit: the transaction was rolled back, because a statement in "
                             "it had failed",
                             std::nullopt,
                             "25P02",
                             {lease_field(s.lease->name)}}));
  } else {
    answer_result(s.running, r, std::move(*result));
  }
  next_operation(*s.lease);
}

} // namespace dbs::postgres
