#include "dbs/actors/redis/redis.hpp"

#include "dbs/actors/redis/internal/redis_metrics.hpp"
#include "dbs/messages/error_detail.hpp"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <chrono>

namespace dbs {

namespace {

using namespace std::chrono_literals;

/// After a loss the first attempt comes soon, but never at once: a server that
/// accepts and hangs up would keep us busy.
constexpr backoff_options reconnect_delays{.first = 50ms, .base = 100ms, .cap = 1s, .jitter = 0.2};

double to_ms(caf::timespan x) {
  return std::chrono::duration<double, std::milli>{x}.count();
}

/// What Redis answers to PING: "PONG", as a status.
caf::expected<std::string> pong(caf::expected<redis::reply_ptr> answer) {
  if (!answer)
    return std::move(answer.error());
  auto& reply = **answer;
  if (reply.type != REDIS_REPLY_STATUS || std::string_view{reply.str, reply.len} != "PONG")
    return fail(errc::protocol_error, "redis answered PING with something else than PONG");
  return std::string{reply.str, reply.len};
}

} // namespace

redis_state::redis_state(loop_actor<actor_type>* self, redis_options options)
    : self_(self), settings_(std::move(options.settings)), registry_(std::move(options.metrics)),
      metrics_(std::make_unique<internal::redis_metrics>(*registry_)), log_(std::move(options.log)),
      backoff_(reconnect_delays) {
  metrics_->up->set(0); // a predecessor may have died while Redis was there
}

redis_state::~redis_state() = default;

redis_state::actor_type::behavior_type redis_state::make_behavior() {
  return {
      [this](ping_atom, const call_context& context) { return ping(context); },
      [this](start_atom, const call_context&) { return start(); },
      [this](ready_atom, const call_context&) { return ready(); },
      [this](drain_atom, const call_context& context) { return drain(context); },
      [this](health_atom, const call_context&) { return health(); },
      [this](stats_atom, const call_context&) { return stats(); },
      [](resize_atom, const call_context&, const resize_request& request) -> caf::result<void> {
        return fail(errc::invalid_argument, "redis has no size '" + request.what + "'");
      },
  };
}

// -- messages --------------------------------------------------------------------------

caf::result<std::string> redis_state::ping(const call_context& context) {
  if (life_ == life::created)
    return fail(errc::not_ready, "redis has not been started");
  if (life_ != life::started)
    return fail(errc::draining, "redis is shutting down");
  if (!connected())
    return fail(errc::connection_lost, last_error_
                                           ? "redis is not there: " + detail(last_error_).what
                                           : "redis is not connected yet");
  auto timeout = settings_.command_timeout;
  if (context.has_deadline())
    timeout = std::min(timeout,
                       std::chrono::duration_cast<caf::timespan>(context.deadline - self_->now()));
  // Shared, because callbacks are copyable and a reply is not.
  auto caller = std::make_shared<reply<std::string>>(self_);
  auto refused = connection_->command(
      {"PING"}, timeout, [this, caller](auto answer) { finish_ping(*caller, std::move(answer)); });
  if (refused) {
    caller->deliver(std::move(refused));
  } else {
    ++running_;
    metrics_->pings->add();
  }
  return reply<std::string>::pending();
}

void redis_state::finish_ping(reply<std::string>& caller, caf::expected<redis::reply_ptr> answer) {
  auto result = pong(std::move(answer));
  if (result)
    caller.deliver(std::move(*result));
  else
    caller.deliver(std::move(result.error()));
  if (--running_ == 0 && life_ == life::draining)
    finish_drain();
}

caf::result<void> redis_state::start() {
  if (life_ == life::draining)
    return fail(errc::draining, "redis is shutting down");
  if (life_ == life::created) {
    life_ = life::started;
    connect();
  }
  return startup_.start(self_);
}

caf::result<void> redis_state::ready() {
  if (life_ == life::draining || life_ == life::drained)
    return fail(errc::draining, "redis is shutting down");
  return startup_.ready(self_);
}

caf::result<void> redis_state::drain(const call_context& context) {
  if (life_ == life::drained)
    return caf::unit;
  draining_.emplace_back(self_);
  auto first = life_ != life::draining;
  life_ = life::draining;
  if (running_ == 0) {
    finish_drain();
  } else if (first && context.has_deadline()) {
    // Without a deadline the timeouts of the running commands are the bound.
    self_->timers().schedule(context.deadline, [this] {
      if (life_ == life::draining)
        connection_->abort(fail(errc::draining, "redis is shutting down"));
    });
  }
  return reply<void>::pending();
}

void redis_state::finish_drain() {
  life_ = life::drained;
  connection_.reset();
  self_->timers().cancel(reconnect_timer_);
  self_->timers().cancel(probe_timer_);
  startup_.ended(fail(errc::draining, "redis is shutting down"));
  for (auto& caller : draining_)
    caller.deliver();
  draining_.clear();
}

health_report redis_state::health() const {
  health_report result;
  result.component = "redis";
  auto why = detail(last_error_).what;
  if (startup_.is_ready() && misses_ == 0) {
    result.status = health_status::healthy;
  } else if (startup_.is_ready()) {
    result.status = health_status::degraded;
    result.detail = std::move(why);
  } else if (life_ == life::drained) {
    result.detail = "redis has been shut down";
  } else {
    result.detail = why.empty() ? "redis has not answered yet" : std::move(why);
  }
  result.fields = {
      {"endpoint", redis::endpoint_name(settings_.target.address)},
      {"connected", connected()},
      {"ping_ms.last",
       round_trips_ == 0 ? 0.0 : round_trips_ms_[(round_trips_ - 1) % round_trips_ms_.size()]},
      {"response_time_ms.p95", p95_ms()},
      {"reconnects", std::max<int64_t>(internal::total(metrics_->connects) - 1, 0)},
      {"last_error", detail(last_error_).what},
  };
  return result;
}

stats_report redis_state::stats() const {
  return {"redis",
          {
              {"connected", connected()},
              {"pings.sent", internal::total(metrics_->pings)},
              {"pings.running", static_cast<int64_t>(running_)},
              {"probes.sent", internal::total(metrics_->probes)},
              {"probes.failed", internal::total(metrics_->failed_probes)},
              {"connections.opened", internal::total(metrics_->connects)},
              {"connections.lost", internal::total(metrics_->lost)},
          }};
}

double redis_state::p95_ms() const {
  auto size = std::min(round_trips_, round_trips_ms_.size());
  if (size == 0)
    return 0;
  auto sorted = round_trips_ms_;
  auto nth = sorted.begin() + static_cast<std::ptrdiff_t>((size * 95 + 99) / 100 - 1);
  std::nth_element(sorted.begin(), nth, sorted.begin() + static_cast<std::ptrdiff_t>(size));
  return *nth;
}

// -- the connection --------------------------------------------------------------------

void redis_state::connect() {
  connection_ = std::make_unique<redis::connection>(self_->io(), self_->timers(), loop_entry{self_},
                                                    settings_);
  connection_->connect([this] { probe(); },
                       [this](caf::error reason) { on_closed(std::move(reason)); });
}

void redis_state::on_closed(caf::error reason) {
  connection_.reset();
  self_->timers().cancel(probe_timer_);
  misses_ = 0;
  if (std::exchange(proved_, false))
    metrics_->lost->add();
  on_failure(std::move(reason));
  if (life_ == life::started)
    reconnect_timer_ = self_->timers().schedule_after(backoff_.next(), [this] { connect(); });
}

void redis_state::probe() {
  auto started = self_->now();
  metrics_->probes->add();
  auto refused =
      connection_->command({"PING"}, settings_.command_timeout,
                           [this, started](auto answer) { on_probe(started, std::move(answer)); });
  if (refused)
    on_probe(started, std::move(refused));
}

void redis_state::on_probe(time_point started, caf::expected<redis::reply_ptr> answer) {
  if (life_ == life::drained)
    return;
  auto result = pong(std::move(answer));
  if (result) {
    on_pong(std::chrono::duration_cast<caf::timespan>(self_->now() - started));
  } else {
    metrics_->failed_probes->add();
    auto& reason = result.error();
    if (reason == errc::in_doubt || reason == errc::connection_lost)
      return; // on_closed follows and knows more
    if (reason == errc::query_failed || reason == errc::protocol_error)
      on_failure(std::move(reason)); // it answers, but it does not work: LOADING, say
    else
      on_miss(std::move(reason));
  }
  if (connected() && misses_ < max_misses)
    probe_timer_ = self_->timers().schedule(std::max(started + probe_interval, self_->now()),
                                            [this] { probe(); });
}

void redis_state::on_pong(caf::timespan took) {
  metrics_->probe->record(took);
  round_trips_ms_[round_trips_++ % round_trips_ms_.size()] = to_ms(took);
  misses_ = 0;
  if (!std::exchange(proved_, true)) {
    metrics_->connects->add();
    backoff_.reset();
  }
  if (!startup_.is_ready() && was_ready_)
    log_->log("redis", observe::log_level::info, "redis is back",
              {{"endpoint", redis::endpoint_name(settings_.target.address)}});
  was_ready_ = true;
  metrics_->up->set(1);
  startup_.succeeded();
}

void redis_state::on_miss(caf::error reason) {
  if (++misses_ < max_misses && startup_.is_ready()) {
    last_error_ = std::move(reason); // degraded until the next probe
    return;
  }
  on_failure(reason);
  if (misses_ >= max_misses)
    connection_->abort(std::move(reason));
}

void redis_state::on_failure(caf::error reason) {
  last_error_ = std::move(reason);
  // The first failure of the start is the supervisor's to tell.
  if (startup_.is_ready() && life_ == life::started)
    log_->log("redis", observe::log_level::error, "redis is lost",
              {{"endpoint", redis::endpoint_name(settings_.target.address)},
               {"reason", detail(last_error_).what}});
  metrics_->up->set(0);
  startup_.failed(last_error_);
}

redis_state::actor_type spawn_redis(event_loop& loop, redis_options options) {
  return spawn_on<redis_state>(loop, std::move(options));
}

} // namespace dbs
