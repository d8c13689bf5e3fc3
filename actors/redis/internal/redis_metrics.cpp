#include "dbs/actors/redis/internal/redis_metrics.hpp"

#include <chrono>

namespace dbs::internal {

namespace {

using observe::must;
using figures = redis::client_figures;

constexpr caf::timespan window_span = std::chrono::seconds{60};

} // namespace

redis_metrics::redis_metrics(std::shared_ptr<observe::registry> registry)
    : registry_(std::move(registry)),
      up_(must(registry_->add_gauge("dbs_redis_up", "1 while there is a connection to Redis."))),
      command_(must(registry_->add_histogram("dbs_redis_command_seconds",
                                             "From asking to the reply of Redis."))),
      probe_(must(
          registry_->add_histogram("dbs_redis_probe_seconds", "Round trips of answered probes."))),
      recent_probes_(*probe_, window_span) {
  auto count = [this](const char* name, const char* help, uint64_t figures::*figure) {
    counters_.push_back({figure, observe::counter_feed{must(registry_->add_counter(name, help))}});
  };
  auto show = [this](const char* name, const char* help, size_t figures::*figure) {
    gauges_.push_back({figure, must(registry_->add_gauge(name, help))});
  };
  count("dbs_redis_commands_total", "Commands that were taken.", &figures::commands);
  count("dbs_redis_batches_total", "Batches of commands that were taken.", &figures::batches);
  count("dbs_redis_commands_refused_total", "Commands that may not run on shared connections.",
        &figures::refused);
  count("dbs_redis_commands_overloaded_total", "Requests beyond the bounds.", &figures::overloaded);
  count("dbs_redis_commands_late_total", "Commands whose deadline has passed.", &figures::late);
  count("dbs_redis_commands_in_doubt_total", "Commands whose outcome is unknown.",
        &figures::in_doubt);
  count("dbs_redis_commands_repeated_total",
        "Reads that were sent again since their connection had broken.", &figures::repeated);
  count("dbs_redis_server_errors_total", "Errors that Redis answered with.",
        &figures::server_errors);
  count("dbs_redis_scripts_sent_total", "Scripts whose source had to be sent.",
        &figures::scripts_sent);
  count("dbs_redis_connections_opened_total", "Connections that became usable.",
        &figures::connects);
  count("dbs_redis_connects_failed_total", "Connections that did not become usable.",
        &figures::connect_failures);
  count("dbs_redis_connections_lost_total", "Usable connections that broke.", &figures::lost);
  count("dbs_redis_probes_total", "Probes sent.", &figures::probes);
  count("dbs_redis_probes_failed_total", "Probes without the right answer.",
        &figures::failed_probes);
  show("dbs_redis_connections", "Usable connections.", &figures::connections);
  show("dbs_redis_connecting_connections", "Connects in flight.", &figures::connecting);
  show("dbs_redis_in_flight_commands", "Commands without an answer.", &figures::in_flight);
  show("dbs_redis_in_flight_bytes", "Bytes of commands without an answer.",
       &figures::in_flight_bytes);
  show("dbs_redis_waiting_commands", "Commands that wait for a connection.", &figures::waiting);
  up_->set(0); // a predecessor may have died while Redis was there
}

void redis_metrics::publish(const figures& what, caf::actor_clock::time_point now) {
  for (auto& x : counters_)
    x.counter.reach(what.*x.figure);
  for (auto& x : gauges_)
    x.gauge->set(static_cast<double>(what.*x.figure));
  recent_probes_.advance(now);
}

double redis_metrics::probe_p95_ms() const {
  auto p95 = observe::summarize(recent_probes_.snapshot()).p95;
  return std::chrono::duration<double, std::milli>{p95}.count();
}

} // namespace dbs::internal
