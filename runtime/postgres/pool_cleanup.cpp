// What happens to a connection when a statement ends, and on its way back.
#include "dbs/runtime/postgres/pool_core.hpp"
#include "dbs/runtime/postgres/pool_sql.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace dbs::postgres {

namespace {

/// If a server still refuses to write on connections that were opened after such a
/// refusal, it is simply read-only: they are not replaced again before this time.
constexpr caf::timespan role_change_interval = std::chrono::seconds{5};

/// How long a server goes on with a statement whose connection we have closed: it looks
/// once a second, see `forced_options` of the connection.
constexpr caf::timespan linger = std::chrono::milliseconds{1500};

/// A cancel, or the statement timeout.
constexpr std::string_view query_canceled = "57014";

} // namespace

// -- results ------------------------------------------------------------------------

void pool_core::on_part(pool_slot& s, pg_result part) {
  if (s.phase == slot_phase::closing || s.abandoned)
    return;
  auto& r = s.running.front();
  r.part_bytes += part.bytes().size();
  if (r.part_bytes <= pg_result::max_size)
    r.parts.push_back(std::move(part));
  else
    r.parts.clear();
}

void pool_core::on_result(pool_slot& s, caf::expected<pg_result> result) {
  if (s.phase == slot_phase::closing)
    return;
  s.busy = false;
  s.transfer.reset();
  if (result)
    see_tag(s, *result);
  if (s.phase == slot_phase::statement)
    return statement_done(s, std::move(result));
  if (s.abandoned) {
    if (!result && breaks_connection(result.error()))
      return drop_broken(s, result.error());
    return settle(s);
  }
  if (s.phase == slot_phase::lease)
    operation_done(s, std::move(result));
  else
    on_cleaned(s, result);
}

void pool_core::see_tag(pool_slot& s, const pg_result& result) {
  s.prepared_by_user = s.prepared_by_user || result.command_tag() == "PREPARE";
}

void pool_core::statement_done(pool_slot& s, caf::expected<pg_result> result) {
  head_done(s);
  auto r = s.running.begin();
  auto probe = r->kind == request_kind::probe;
  auto shares = r->lane == request_lane::shared;
  if (!result && breaks_connection(result.error()))
    s.broken = result.error();
  if (r->refused) {
    recycle(s.running, r);
  } else if (!result) {
    auto reason = std::move(result.error());
    // Not a byte of it was sent, or the cancel of another one hit it, which has undone it.
    auto undone = is(reason, errc::connection_lost) ||
                  (shares && s.abandoned && sqlstate_of(reason) == query_canceled);
    if (undone && submit_again(s))
      return go_on(s);
    if (undone && r->deadline <= timers_.now())
      reason = fail(errc::deadline_exceeded, "the deadline passed before it could be run again");
    if (!s.broken) {
      if (retry_stale_plan(s, reason))
        return shares ? go_on(s) : void();
      check_role(s, reason, slot_transaction::none);
    }
    answer(s.running, r, std::move(reason));
  } else if (!shares && s.conn->status() != transaction_status::idle) {
    answer(s.running, r,
           fail(errc::invalid_argument,
                "the statement left a transaction open and was rolled back: transaction control "
                "needs a checkout"));
  } else {
    if (!probe)
      last_success_ = timers_.now();
    // The server gets its next statement before the caller gets this one's result.
    auto token = r->token;
    recycle(s.running, r);
    go_on(s);
    return probe ? client_.on_done(token, {}) : client_.on_result(token, std::move(*result));
  }
  go_on(s);
}

void pool_core::head_done(pool_slot& s) {
  auto& r = s.running.front();
  auto now = timers_.now();
  s.busy = s.running.size() > 1;
  if (r.lane == request_lane::shared)
    s.shared_bytes -= r.bytes();
  if (!r.refused && r.kind != request_kind::probe) {
    listener_.record_query(now - r.started);
    auto took = now - s.head_since;
    if (r.lane == request_lane::slow ||
        (r.lane == request_lane::shared && took >= texts_.threshold()))
      texts_.took(r.statement.sql, took);
  }
  s.head_since = now;
}

void pool_core::go_on(pool_slot& s) {
  if (s.busy && s.broken)
    return; // its other answers follow
  if (s.busy)
    return s.abandoned ? cancel_head(s) : feed(s);
  if (s.broken)
    return drop_broken(s, s.broken);
  if (s.abandoned)
    return settle(s);
  give_back(s);
}

bool pool_core::retry_stale_plan(pool_slot& s, const caf::error& reason) {
  auto r = s.running.begin();
  auto shares = r->lane == request_lane::shared;
  // Of several that were under way together one has said so for all.
  if (is_stale_plan(reason))
    plan_epoch_ += r->plan_epoch == plan_epoch_ ? 1 : 0;
  else if (is_lost_statement(reason))
    s.conn->forget_statements();
  else
    return false;
  note(pool_event::stale_plan, s.conn.get(), &reason);
  if (r->reprepared || r->kind == request_kind::transfer ||
      (!shares && s.conn->status() != transaction_status::idle))
    return false;
  r->reprepared = true;
  if (shares)
    return submit_again(s);
  run(s, s.running, r);
  return true;
}

void pool_core::check_role(pool_slot& s, const caf::error& reason, slot_transaction in) {
  if (!is_read_only_refusal(reason) || settings_.read_only || s.generation != generation_ ||
      in == slot_transaction::begun_read_only)
    return; // it has been asked for
  if (in == slot_transaction::typed_by_user || s.conn->dirty()) {
    // The user may have asked for it: suspect this connection alone.
    s.expired = true;
    return;
  }
  auto now = timers_.now();
  if (role_changed_ != time_point::min() && now < role_changed_ + role_change_interval)
    return;
  role_changed_ = now;
  ++generation_;
  note(pool_event::role_change, s.conn.get(), &reason);
  while (!idle_.empty())
    close_oldest_idle(pool_event::closed_role_change);
}

void pool_core::on_lost(pool_slot& s, const caf::error& reason) {
  if (s.phase == slot_phase::closing)
    return;
  if (s.phase == slot_phase::connecting)
    return on_connect_failed(s, reason);
  if (s.busy && s.phase != slot_phase::cleaning)
    lose_running(s, reason);
  drop_broken(s, reason);
}

void pool_core::lose_running(pool_slot& s, const caf::error& reason) {
  while (!s.running.empty())
    answer(s.running, s.running.begin(), fail(errc::in_doubt, detail(reason).what));
}

void pool_core::drop_broken(pool_slot& s, const caf::error& reason) {
  note(pool_event::lost, s.conn.get(), &reason);
  if (s.phase == slot_phase::lease)
    lose_lease(s, reason);
  close(s);
}

// -- the way back -------------------------------------------------------------------

void pool_core::give_back(pool_slot& s) {
  leave_lane(s);
  s.phase = slot_phase::cleaning;
  if (s.transfer)
    return quarantine(s);
  switch (s.conn->status()) {
  case transaction_status::idle:
    break;
  case transaction_status::in_transaction:
  case transaction_status::failed:
    if (!std::exchange(s.rolled_back, true)) {
      note(pool_event::rollbacks, s.conn.get());
      return clean(s, "ROLLBACK");
    }
    [[fallthrough]];
  case transaction_status::active:
    note(pool_event::cleanup_failed, s.conn.get());
    return close(s);
  case transaction_status::unknown:
    return; // until `on_lost`
  }
  if (settings_.transaction_pooler)
    s.conn->mark_clean(); // what it would lend for a reset may be any of its sessions
  if (!must_close(s) && !s.was_reset && (settings_.strict_reset || s.conn->dirty())) {
    s.was_reset = true;
    note(pool_event::resets, s.conn.get());
    return clean(s,
                 settings_.strict_reset || s.prepared_by_user ? reset_all_sql : reset_session_sql);
  }
  timers_.cancel(s.cleanup_timer);
  s.was_reset = false;
  s.rolled_back = false;
  if (!s.running.empty())
    answer(s.running, s.running.begin(), {});
  offer(s);
}

void pool_core::clean(pool_slot& s, std::string_view sql) {
  if (!s.cleanup_timer)
    s.cleanup_timer = timers_.schedule_after(settings_.cleanup_timeout, [this, &s] {
      s.cleanup_timer = {};
      note(pool_event::cleanup_failed, s.conn.get());
      close(s);
    });
  s.busy = true;
  s.conn->command(sql);
}

void pool_core::on_cleaned(pool_slot& s, const caf::expected<pg_result>& result) {
  if (!result) {
    note(pool_event::cleanup_failed, s.conn.get(), &result.error());
    return close(s);
  }
  if (s.was_reset) {
    s.conn->mark_clean();
    s.prepared_by_user = false;
  }
  give_back(s);
}

bool pool_core::must_close(const pool_slot& s) const {
  return draining_ || s.expired || s.generation != generation_ ||
         slots_.size() - closing_.size() > limit();
}

void pool_core::offer(pool_slot& s) {
  if (must_close(s)) {
    if (!draining_)
      count(s.expired                     ? pool_event::closed_lifetime
            : s.generation != generation_ ? pool_event::closed_role_change
                                          : pool_event::closed_shrink);
    return close(s);
  }
  if (auto* queue = next_queue()) {
    grant(s, *queue, queue->begin());
    return s.lane == request_lane::shared ? feed(s) : void();
  }
  if (idle_.size() >= pool_size_) {
    count(pool_event::closed_overflow);
    return close(s);
  }
  s.phase = slot_phase::idle;
  s.idle_since = timers_.now();
  idle_.push_back(&s);
  arm_reaper();
}

void pool_core::close(pool_slot& s) {
  if (s.phase == slot_phase::closing)
    return;
  if (s.phase == slot_phase::idle)
    std::erase(idle_, &s);
  if (s.phase == slot_phase::connecting)
    --connecting_;
  leave_lane(s);
  timers_.cancel(s.cleanup_timer);
  timers_.cancel(s.watch_timer);
  timers_.cancel(s.lifetime_timer);
  if (s.abandoned)
    std::erase(cancels_due_, &s);
  // Only a release can be left, with the connection goes what was open on it, and what
  // was answered before.
  while (!s.running.empty())
    answer(s.running, s.running.begin(), {});
  s.phase = slot_phase::closing;
  s.gone_at = s.busy ? timers_.now() + linger : time_point::min();
  closing_.push_back(&s);
  if (std::exchange(s.cancelling, false)) {
    --cancels_in_flight_;
    send_cancels();
  }
  if (established() == 0)
    gate_.no_connection_left(timers_.now());
  bury_soon();
}

void pool_core::bury_soon() {
  timers_.cancel(bury_timer_);
  bury_timer_ = timers_.schedule(timers_.now(), [this] { bury(); });
}

void pool_core::bury() {
  bury_timer_ = {};
  // Destructors first, then new connects: never more connections than allowed.
  auto now = timers_.now();
  auto next = time_point::max();
  auto gone = [&](const std::unique_ptr<pool_slot>& s) {
    if (s->phase != slot_phase::closing)
      return false;
    s->conn.reset();
    if (draining_ || s->gone_at <= now)
      return true;
    next = std::min(next, s->gone_at);
    return false;
  };
  std::erase_if(closing_, [&](const pool_slot* s) { return draining_ || s->gone_at <= now; });
  std::erase_if(slots_, gone);
  if (next != time_point::max())
    bury_timer_ = timers_.schedule(next, [this] { bury(); });
  if (draining_ && slots_.empty() && !std::exchange(drained_, true)) {
    timers_.cancel(drain_timer_);
    return listener_.on_drained();
  }
  refuse_self_waiters();
  arm_retry();
  pump();
}

} // namespace dbs::postgres
