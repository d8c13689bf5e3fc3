#include "dbs/actors/redis/redis.hpp"

#include "dbs/actors/redis/internal/redis_metrics.hpp"
#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/redis/socket_transport.hpp"

#include <chrono>
#include <random>

namespace dbs {

namespace {

constexpr caf::timespan tick_interval = std::chrono::seconds{1};

} // namespace

redis_state::redis_state(loop_actor<actor_type>* self, redis_options options)
    : self_(self), settings_(std::move(options.settings)),
      metrics_(std::make_unique<internal::redis_metrics>(std::move(options.metrics))),
      log_(std::move(options.log)), link_(std::move(options.link)), environment_(self),
      core_(settings_, options.limits, redis::make_socket_transports(environment_, settings_),
            self->timers(), *this, std::random_device{}()) {}

redis_state::~redis_state() {
  if (link_ && link_->get() == &core_)
    link_->down();
  self_->io().forget(*this);
}

redis_state::actor_type::behavior_type redis_state::make_behavior() {
  // The client counts them.
  self_->answer_late_requests();
  self_->gather_requests();
  if (link_)
    link_->up(core_);
  return {
      // -- redis_actor
      [this](command_atom, const call_context& context, redis_command& what) {
        return command(context, std::move(what));
      },
      [this](command_atom, const call_context& context, redis_batch& batch) {
        return command(context, std::move(batch));
      },
      // -- manager_control_actor
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

caf::result<redis_reply> redis_state::command(const call_context& context, redis_command what) {
  auto token = replies_.put(reply<redis_reply>{self_});
  core_.execute(std::move(what), context.deadline, *this, token);
  return reply<redis_reply>::pending();
}

caf::result<std::vector<redis_reply>> redis_state::command(const call_context& context,
                                                           redis_batch batch) {
  auto token = batches_.put(reply<std::vector<redis_reply>>{self_});
  core_.execute(std::move(batch.commands), context.deadline, *this, token);
  return reply<std::vector<redis_reply>>::pending();
}

void redis_state::on_reply(request_token token, caf::expected<redis_reply> reply) {
  replies_.answer(token, std::move(reply));
}

void redis_state::on_replies(request_token token, caf::expected<std::vector<redis_reply>> replies) {
  batches_.answer(token, std::move(replies));
}

void redis_state::flush_soon() {
  if (!std::exchange(flush_is_deferred_, true))
    self_->io().defer(*this);
}

void redis_state::run_deferred() {
  // Keeps the actor alive, whatever the client finds out.
  caf::strong_actor_ptr guard{self_->ctrl()};
  self_->enter([this] {
    flush_is_deferred_ = false;
    core_.flush();
  });
}

caf::result<void> redis_state::start() {
  if (drains_)
    return fail(errc::draining, "redis is shutting down");
  if (!std::exchange(started_, true)) {
    core_.start();
    tick();
  }
  return startup_.start(self_);
}

caf::result<void> redis_state::ready() {
  if (drains_)
    return fail(errc::draining, "redis is shutting down");
  return startup_.ready(self_);
}

caf::result<void> redis_state::drain(const call_context& context) {
  draining_.emplace_back(self_);
  if (std::exchange(drains_, true)) {
    if (core_.drained())
      on_drained();
    return reply<void>::pending();
  }
  if (context.has_deadline())
    // Without a deadline those of the running commands are the bound.
    self_->timers().schedule(
        context.deadline, [this] { core_.abort(fail(errc::draining, "redis is shutting down")); });
  core_.drain();
  return reply<void>::pending();
}

void redis_state::on_drained() {
  metrics_->publish(core_.figures(), self_->now());
  metrics_->set_up(false);
  startup_.ended(fail(errc::draining, "redis is shutting down"));
  for (auto& caller : draining_)
    caller.deliver();
  draining_.clear();
}

// -- how it stands ---------------------------------------------------------------------

void redis_state::tick() {
  if (core_.drained())
    return;
  metrics_->publish(core_.figures(), self_->now());
  self_->timers().schedule_after(tick_interval, [this] { tick(); });
}

void redis_state::on_up() {
  if (std::exchange(was_up_, true))
    log_->log("redis", observe::log_level::info, "redis is back",
              {{"endpoint", redis::endpoint_name(settings_.target.address)}});
  metrics_->set_up(true);
  startup_.succeeded();
}

void redis_state::on_down(const caf::error& reason) {
  // The first failure of the start is the supervisor's to tell.
  if (startup_.is_ready())
    log_->log("redis", observe::log_level::error, "redis is lost",
              {{"endpoint", redis::endpoint_name(settings_.target.address)},
               {"reason", detail(reason).what}});
  metrics_->set_up(false);
  startup_.failed(reason);
}

void redis_state::record_command(caf::timespan took) {
  metrics_->command().record(took);
}

void redis_state::record_probe(caf::timespan took) {
  metrics_->probe().record(took);
}

health_report redis_state::health() const {
  auto figures = core_.figures();
  auto why = detail(core_.last_error()).what;
  health_report result;
  result.component = "redis";
  if (core_.drained()) {
    result.detail = "redis has been shut down";
  } else if (!core_.up()) {
    result.detail = why.empty() ? "redis has not answered yet" : why;
  } else if (core_.hangs()) {
    result.status = health_status::degraded;
    result.detail = "redis does not answer in time";
  } else if (figures.connections < settings_.pool_min && core_.reconnects()) {
    result.status = health_status::degraded;
    result.detail = std::to_string(figures.connections) + " of " +
                    std::to_string(settings_.pool_min) + " connections: " + why;
  } else {
    result.status = health_status::healthy;
  }
  result.fields = {
      {"endpoint", redis::endpoint_name(settings_.target.address)},
      {"connected", core_.up()},
      {"connections", static_cast<int64_t>(figures.connections)},
      {"in_flight", static_cast<int64_t>(figures.in_flight)},
      {"waiting", static_cast<int64_t>(figures.waiting)},
      {"response_time_ms.p95", metrics_->probe_p95_ms()},
      {"connections.lost", static_cast<int64_t>(figures.lost)},
      {"last_error", why},
  };
  return result;
}

stats_report redis_state::stats() const {
  auto x = core_.figures();
  auto number = [](auto n) { return static_cast<int64_t>(n); };
  return {"redis",
          {
              {"connections.ready", number(x.connections)},
              {"connections.connecting", number(x.connecting)},
              {"connections.min", number(settings_.pool_min)},
              {"connections.max", number(settings_.pool_max)},
              {"connections.opened", number(x.connects)},
              {"connections.failed", number(x.connect_failures)},
              {"connections.lost", number(x.lost)},
              {"commands", number(x.commands)},
              {"commands.in_flight", number(x.in_flight)},
              {"commands.in_flight_bytes", number(x.in_flight_bytes)},
              {"commands.waiting", number(x.waiting)},
              {"commands.batches", number(x.batches)},
              {"commands.refused", number(x.refused)},
              {"commands.overloaded", number(x.overloaded)},
              {"commands.late", number(x.late)},
              {"commands.in_doubt", number(x.in_doubt)},
              {"commands.repeated", number(x.repeated)},
              {"server_errors", number(x.server_errors)},
              {"scripts_sent", number(x.scripts_sent)},
              {"probes.sent", number(x.probes)},
              {"probes.failed", number(x.failed_probes)},
          }};
}

redis_state::actor_type spawn_redis(event_loop& loop, redis_options options) {
  return spawn_on<redis_state>(loop, std::move(options));
}

} // namespace dbs
