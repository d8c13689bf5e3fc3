// The metrics of the Redis client.
#pragma once

#include "dbs/runtime/observe/instruments.hpp"
#include "dbs/runtime/observe/latency_window.hpp"
#include "dbs/runtime/redis/redis_core.hpp"

#include <memory>

namespace dbs::internal {

class redis_metrics {
public:
  explicit redis_metrics(std::shared_ptr<observe::registry> registry);

  /// Brings everything up to what the client says of itself.
  void publish(const redis::client_figures& figures, caf::actor_clock::time_point now);

  void set_up(bool up) noexcept { up_->set(up ? 1 : 0); }

  observe::histogram& command() noexcept { return *command_; }
  observe::histogram& probe() noexcept { return *probe_; }

  /// Over the last one to two minutes, in milliseconds; 0 without a probe.
  double probe_p95_ms() const;

private:
  struct counted {
    uint64_t redis::client_figures::*figure;
    observe::counter_feed counter;
  };

  struct shown {
    size_t redis::client_figures::*figure;
    observe::gauge* gauge;
  };

  /// Keeps alive what the others point into.
  std::shared_ptr<observe::registry> registry_;
  observe::gauge* up_;
  observe::histogram* command_;
  observe::histogram* probe_;
  observe::latency_window recent_probes_;
  std::vector<counted> counters_;
  std::vector<shown> gauges_;
};

} // namespace dbs::internal
