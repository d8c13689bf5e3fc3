// Opening connections, and closing those that are old or not needed.
#include "dbs/runtime/postgres/pool_core.hpp"

#include <algorithm>
#include <utility>

namespace dbs::postgres {

// -- opening ------------------------------------------------------------------------

void pool_core::pump() {
  if (draining_)
    return;
  while (slots_.size() < limit() && wants_connection()) {
    if (!gate_.open(timers_.now(), connecting_)) {
      if (!retry_timer_)
        arm_retry();
      return;
    }
    connect_one();
  }
}

bool pool_core::wants_connection() const {
  if (connecting_ < wanted())
    return true;
  if (!started_)
    return false;
  if (wants_one_ && connecting_ == 0)
    return true;
  return idle_.size() + connecting_ < min_idle() && slots_.size() < pool_size_;
}

void pool_core::connect_one() {
  auto& s = *slots_.emplace_back(std::make_unique<pool_slot>(*this));
  ++connecting_;
  s.generation = generation_;
  s.plan_epoch = plan_epoch_;
  s.conn = make_(s);
  s.conn->connect();
}

void pool_core::arm_retry() {
  timers_.cancel(retry_timer_);
  if (draining_ || !gate_.waits(timers_.now()))
    return;
  retry_timer_ = timers_.schedule(gate_.retry_at(), [this] {
    retry_timer_ = {};
    pump();
  });
}

void pool_core::on_connected(pool_slot& s) {
  if (s.phase != slot_phase::connecting)
    return;
  --connecting_;
  wants_one_ = false;
  gate_.succeeded();
  refused_ = false;
  last_connect_error_.clear();
  // Counts as being on its way until it is offered.
  s.phase = slot_phase::cleaning;
  note(pool_event::connected, s.conn.get());
  if (!std::exchange(ever_connected_, true))
    listener_.on_ready();
  if (settings_.max_lifetime.count() > 0) {
    auto share = std::uniform_real_distribution<double>{0, settings_.lifetime_jitter}(random_);
    auto life = static_cast<double>(settings_.max_lifetime.count()) * (1 - share);
    s.lifetime_timer = timers_.schedule_after(caf::timespan{static_cast<int64_t>(life)},
                                              [this, &s] { on_expired(s); });
  }
  offer(s);
  pump();
}

void pool_core::on_connect_failed(pool_slot& s, const caf::error& reason) {
  if (s.phase != slot_phase::connecting)
    return;
  last_connect_error_ = describe(reason);
  refused_ = is_permanent_refusal(reason);
  note(pool_event::connect_failed, s.conn.get(), &reason);
  gate_.failed(timers_.now(), established() > 0);
  close(s);
  if (!ever_connected_ && !std::exchange(ever_failed_, true))
    listener_.on_first_failure(reason);
  if (refused_ && established() == 0)
    fail_waiters(errc::connection_lost, "the server refuses connections");
}

// -- ageing -------------------------------------------------------------------------

void pool_core::on_expired(pool_slot& s) {
  s.lifetime_timer = {};
  s.expired = true;
  if (s.phase != slot_phase::idle)
    return;
  count(pool_event::closed_lifetime);
  close(s);
}

void pool_core::arm_reaper() {
  if (reap_timer_ || settings_.idle_timeout.count() <= 0 || idle_.size() <= min_idle())
    return;
  reap_timer_ =
      timers_.schedule(idle_.front()->idle_since + settings_.idle_timeout, [this] { reap(); });
}

void pool_core::reap() {
  reap_timer_ = {};
  auto now = timers_.now();
  while (idle_.size() > min_idle() && idle_.front()->idle_since + settings_.idle_timeout <= now)
    close_oldest_idle(pool_event::closed_idle);
  arm_reaper();
}

void pool_core::close_oldest_idle(pool_event why) {
  count(why);
  close(*idle_.front());
}

} // namespace dbs::postgres
