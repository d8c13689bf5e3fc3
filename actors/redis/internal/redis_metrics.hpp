// The metrics of the Redis manager, which its statistics are read from as well.
#pragma once

#include "dbs/runtime/observe/instruments.hpp"

#include <cstdint>

namespace dbs::internal {

struct redis_metrics {
  explicit redis_metrics(observe::registry& registry)
      : up(observe::must(registry.add_gauge("dbs_redis_up", "1 while Redis answers probes."))),
        probe(observe::must(
            registry.add_histogram("dbs_redis_probe_seconds", "Round trips of answered probes."))),
        probes(observe::must(registry.add_counter("dbs_redis_probes_total", "Probes sent."))),
        failed_probes(observe::must(registry.add_counter("dbs_redis_probes_failed_total",
                                                         "Probes without the right answer."))),
        pings(observe::must(registry.add_counter("dbs_redis_pings_total", "PINGs for callers."))),
        connects(observe::must(registry.add_counter("dbs_redis_connections_opened_total",
                                                    "Connections that answered a probe."))),
        lost(observe::must(registry.add_counter("dbs_redis_connections_lost_total",
                                                "Of these, the ones that broke."))) {}

  observe::gauge* up;
  observe::histogram* probe;
  observe::counter* probes;
  observe::counter* failed_probes;
  observe::counter* pings;
  observe::counter* connects;
  observe::counter* lost;
};

/// For reports.
inline int64_t total(const observe::counter* what) {
  return static_cast<int64_t>(what->value());
}

} // namespace dbs::internal
