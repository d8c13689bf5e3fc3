// The connections of the Redis client: opening, watching, losing them.
#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/redis/redis_core.hpp"

#include <caf/deep_to_string.hpp>

#include <algorithm>
#include <utility>

namespace dbs::redis {

namespace {

using namespace std::chrono_literals;

/// After a loss the first attempt comes soon, but never at once: a server that
/// accepts and hangs up would keep us busy.
constexpr backoff_options reconnect_delays{.first = 50ms, .base = 100ms, .cap = 1s, .jitter = 0.2};

/// While connects succeed.
constexpr size_t max_connecting = 2;

} // namespace

redis_core::redis_core(const redis_settings& settings, const client_limits& limits,
                       transport_factory make_transport, timer_queue& timers,
                       redis_core_owner& owner, uint64_t seed)
    : settings_(settings), limits_(limits), make_transport_(std::move(make_transport)),
      timers_(timers), owner_(owner), backoff_(reconnect_delays, seed), kept_(settings.pool_min) {}

// -- keeping enough of them ------------------------------------------------------------

void redis_core::start() {
  if (life_ != life::created)
    return;
  life_ = life::started;
  tick_timer_ = timers_.schedule_after(limits_.probe_interval, [this] { tick(); });
  ensure();
}

void redis_core::ensure() {
  auto at_once = backoff_.failures() > 0 ? size_t{1} : max_connecting;
  while (life_ == life::started && !retry_timer_ && slots_.size() < kept_ && connecting_ < at_once)
    open_one();
}

void redis_core::keep_connections(uint32_t number) {
  kept_ = std::clamp(number, settings_.pool_min, settings_.pool_max);
  ensure();
}

void redis_core::open_one() {
  ++connecting_;
  connection_observer& observer = *this;
  slots_.push_back(
      {std::make_unique<connection>(settings_, limits_.replies, timers_, make_transport_, observer),
       false, timers_.now()});
  slots_.back().conn->open();
}

redis_core::slot* redis_core::find_slot(const connection& conn) {
  auto i = std::find_if(slots_.begin(), slots_.end(),
                        [&](const slot& x) { return x.conn.get() == &conn; });
  return i != slots_.end() ? &*i : nullptr;
}

void redis_core::forget(const connection& conn) {
  auto& x = *find_slot(conn);
  --(x.ready ? ready_ : connecting_);
  std::erase(unflushed_, &conn);
  ended_.push_back(std::move(x.conn));
  slots_.erase(slots_.begin() + (&x - slots_.data()));
  owner_.flush_soon();
}

void redis_core::on_ready(connection& conn) {
  auto& x = *find_slot(conn);
  x.ready = true;
  x.used = timers_.now();
  --connecting_;
  ++ready_;
  ++counted_.connects;
  backoff_.reset();
  down_ = false;
  if (ready_ == 1)
    owner_.on_up();
  ensure();
  dispatch();
}

void redis_core::on_closed(connection& conn, caf::error reason, flight_queue unanswered,
                           size_t sent) {
  auto* known = find_slot(conn);
  if (known == nullptr)
    return; // one that was idle for so long that it is forgotten
  auto was_ready = known->ready;
  forget(conn);
  if (life_ == life::started) {
    ++(was_ready ? counted_.lost : counted_.connect_failures);
    last_error_ = reason;
    if (!retry_timer_)
      retry_timer_ = timers_.schedule_after(backoff_.next(), [this] {
        retry_timer_ = {};
        ensure();
      });
    if (ready_ == 0) {
      down_ = !was_ready;
      owner_.on_down(reason);
    }
  }
  settle(std::move(unanswered), sent, reason);
  if (down_ || (life_ > life::started && slots_.empty())) // while it drains nobody connects
    refuse_waiting(reason);
  else
    dispatch();
}

void redis_core::settle(flight_queue unanswered, size_t sent, const caf::error& reason) {
  auto why = "the connection closed before the answer came: " + detail(reason).what;
  auto unacceptable = reason == errc::protocol_error || reason == errc::payload_too_large;
  flight_queue again;
  for (size_t i = 0; i < unanswered.size(); ++i) {
    auto x = std::move(unanswered[i]);
    auto was_sent = i < sent;
    if (x.probe)
      ++counted_.failed_probes;
    if (!x.wanted() || x.probe)
      continue;
    if (x.batch)
      x.batch->sent = x.batch->sent || was_sent;
    auto repeatable = x.batch ? !x.batch->sent : !was_sent || (x.reads && !x.repeated);
    if (i == 0 && was_sent && unacceptable) {
      // It is its reply that was not acceptable, and would not be a second time.
      auto known = x.reads || reason == errc::payload_too_large;
      refuse(x, true, known ? static_cast<errc>(reason.code()) : errc::in_doubt,
             known ? detail(reason).what : why);
    } else if (repeatable && life_ < life::drained) {
      counted_.repeated += was_sent ? 1 : 0;
      x.repeated = x.repeated || was_sent;
      again.push_back(std::move(x));
    } else {
      auto in_doubt = was_sent && !x.reads;
      refuse(x, was_sent, in_doubt ? errc::in_doubt : errc::connection_lost, why);
    }
  }
  // They were here first.
  waiting_.insert(waiting_.begin(), std::make_move_iterator(again.begin()),
                  std::make_move_iterator(again.end()));
}

// -- watching them -------------------------------------------------------------------

void redis_core::tick() {
  auto now = timers_.now();
  std::vector<connection*> dead;
  for (size_t i = slots_.size(); i-- > 0;) {
    auto& x = slots_[i];
    auto& conn = *x.conn;
    if (!x.ready)
      continue;
    auto overdue = conn.overdue_since();
    if (overdue != time_point::max()) {
      if (now - overdue >= settings_.command_timeout)
        dead.push_back(&conn);
    } else if (slots_.size() > kept_ && conn.pending() == 0 && now - x.used >= limits_.idle_limit) {
      forget(conn);
    } else {
      ++counted_.probes;
      flight probe;
      probe.command = redis_command{"PING"};
      probe.probe = true;
      probe.asked = now;
      probe.deadline = now + settings_.command_timeout;
      watch(probe.deadline);
      conn.send(std::move(probe));
    }
  }
  for (auto* conn : dead)
    conn->close(fail(errc::connection_lost,
                     conn->server() + " has not answered for " +
                         caf::deep_to_string(
                             std::chrono::duration_cast<caf::timespan>(now - conn->last_heard()))));
  if (life_ < life::drained)
    tick_timer_ = timers_.schedule_after(limits_.probe_interval, [this] { tick(); });
}

void redis_core::on_probe(connection& conn, const flight& what, const redis_reply& reply) {
  // Who refuses to answer, say while a script runs for long, is there.
  if (reply.type() == redis_type::error || reply.text() == "PONG") {
    owner_.record_probe(std::chrono::duration_cast<caf::timespan>(conn.last_heard() - what.asked));
    return;
  }
  ++counted_.failed_probes;
  conn.close(
      fail(errc::protocol_error, conn.server() + " answered PING with something else than PONG"));
}

bool redis_core::hangs() const noexcept {
  return std::all_of(slots_.begin(), slots_.end(), [](const slot& x) {
    return !x.ready || x.conn->overdue_since() != time_point::max();
  });
}

// -- flushing ------------------------------------------------------------------------

void redis_core::on_unflushed(connection& conn) {
  if (unflushed_.empty())
    owner_.flush_soon();
  unflushed_.push_back(&conn);
}

void redis_core::flush() {
  flushing_.swap(unflushed_);
  for (auto* conn : flushing_)
    conn->flush();
  flushing_.clear();
  ended_.clear();
}

void redis_core::on_push(connection& conn, redis_reply) {
  conn.close(fail(errc::protocol_error, conn.server() + " sent a push that nobody asked for"));
}

} // namespace dbs::redis
