// What the second and the third level of the cache have in common as metrics.
#pragma once

#include "dbs/runtime/cache/level_figures.hpp"
#include "dbs/runtime/observe/instruments.hpp"

#include <string>
#include <vector>

namespace dbs::internal {

/// Counters of one level, which must not outlive the registry.
class level_metrics {
public:
  /// @param prefix what their names begin with, such as "dbs_cache_l2_".
  level_metrics(observe::registry& registry, const std::string& prefix);

  /// Brings them up to what the level has counted since the start of the services.
  void publish(const cache::level_figures& figures);

private:
  /// Counter and figure live equally long: both have the same totals.
  struct counted {
    uint64_t cache::level_figures::*figure;
    observe::counter* counter;
  };

  std::vector<counted> counters_;
};

} // namespace dbs::internal
