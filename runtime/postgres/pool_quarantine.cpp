// Statements that were answered before their end: they are cancelled, and nobody gets
// their connection before result and cancel are in.
#include "dbs/runtime/postgres/pool_core.hpp"
#include "dbs/runtime/postgres/statement_class.hpp"

#include <algorithm>
#include <utility>

namespace dbs::postgres {

namespace {

/// Whether a statement whose end nobody saw may have changed something for good: its
/// cancel can come too late.
bool may_have_happened(const pool_request& r) {
  auto writes = [](const pg_statement& x) { return !only_reads(x.sql); };
  switch (r.kind) {
  case request_kind::batch:
    return r.sent_in == transaction_status::idle &&
           std::any_of(r.batch.begin(), r.batch.end(), writes);
  case request_kind::transfer:
    return r.sent_in == transaction_status::idle && r.slot->transfer_writes;
  case request_kind::commit:
    return r.sent_in != transaction_status::failed;
  case request_kind::execute:
  case request_kind::statement:
    if (r.sent_in == transaction_status::idle)
      return writes(r.statement);
    return r.sent_in != transaction_status::failed && commits(r.statement.sql);
  default:
    return false;
  }
}

} // namespace

void pool_core::abandon(pool_slot& s, request_ref r, caf::error reason) {
  if (r->kind != request_kind::probe)
    listener_.record_query(timers_.now() - r->started);
  if (may_have_happened(*r))
    reason = fail(errc::in_doubt, "the outcome is unknown: " + detail(reason).what);
  if (s.lease != nullptr && r->kind == request_kind::begin)
    s.lease->spoilt = true;
  if (s.phase != slot_phase::statement) {
    answer(s.running, r, std::move(reason));
    return quarantine(s);
  }
  timers_.cancel(r->timer);
  s.shared_bytes -= r->lane == request_lane::shared ? r->bytes() : 0;
  deliver(*r, std::move(reason));
  r->mark_refused();
  s.abandoned = true;
  cancel_head(s);
}

void pool_core::quarantine(pool_slot& s) {
  if (s.transfer) {
    s.busy = true;
    s.conn->discard();
  }
  s.abandoned = true;
  ask_for_cancel(s);
}

void pool_core::ask_for_cancel(pool_slot& s) {
  limit_quarantine(s);
  cancels_due_.push_back(&s);
  send_cancels();
}

void pool_core::limit_quarantine(pool_slot& s) {
  if (s.cleanup_timer)
    return;
  s.cleanup_timer = timers_.schedule_after(settings_.cleanup_timeout, [this, &s] {
    s.cleanup_timer = {};
    auto why = fail(errc::connection_lost, "a cancelled statement or its cancel did not end "
                                           "within " +
                                               pretty(settings_.cleanup_timeout));
    note(pool_event::quarantine_timeout, s.conn.get(), &why);
    if (s.phase == slot_phase::lease)
      lose_lease(s, why);
    if (s.phase == slot_phase::statement)
      lose_running(s, why);
    close(s);
  });
}

void pool_core::send_cancels() {
  while (!cancels_due_.empty() && cancels_in_flight_ < max_cancels()) {
    auto& s = *cancels_due_.front();
    cancels_due_.pop_front();
    ++cancels_in_flight_;
    s.cancelling = true;
    note(pool_event::cancel, s.conn.get());
    s.conn->cancel();
  }
}

void pool_core::on_cancel_settled(pool_slot& s) {
  if (s.phase == slot_phase::closing)
    return;
  s.cancelling = false;
  --cancels_in_flight_;
  send_cancels();
  if (s.phase == slot_phase::statement && s.busy)
    return cancel_head(s);
  settle(s);
}

void pool_core::settle(pool_slot& s) {
  if (s.busy)
    return;
  if (s.cancelling)
    return limit_quarantine(s); // a neighbour's turn has stopped the timer, maybe
  std::erase(cancels_due_, &s);
  s.abandoned = false;
  timers_.cancel(s.cleanup_timer);
  if (s.phase == slot_phase::lease) {
    // A BEGIN that came too late may have been one of any kind.
    track_transaction(s, slot_transaction::typed_by_user);
    // The cancel came too late: what the caller takes for undone must not be committed.
    if (s.conn->status() == transaction_status::in_transaction)
      s.lease->spoilt = true;
    next_operation(*s.lease);
  } else {
    give_back(s);
  }
}

void pool_core::cancel_head(pool_slot& s) {
  // A cancel hits what the server runs when it arrives: it is sent when that is one for
  // which nobody waits any more. If it hits the next one, that one is run again.
  auto& head = s.running.front();
  if (head.refused && (head.cancelled || s.cancelling))
    return;
  std::erase(cancels_due_, &s);
  if (!head.refused) {
    timers_.cancel(s.cleanup_timer);
    return;
  }
  head.cancelled = true;
  ask_for_cancel(s);
}

} // namespace dbs::postgres
