// The metrics of the cache's second level.
#pragma once

#include "dbs/runtime/cache/level_figures.hpp"
#include "dbs/runtime/observe/instruments.hpp"

#include <memory>
#include <vector>

namespace dbs::internal {

class cache_l2_metrics {
public:
  explicit cache_l2_metrics(std::shared_ptr<observe::registry> registry);

  /// Brings everything up to what the level says of itself.
  void publish(const cache::level_figures& figures, bool connected, size_t open_calls);

  observe::histogram& reads() noexcept { return *reads_; }

private:
  /// The level's counters live as long as the registry: both have the same totals.
  struct counted {
    uint64_t cache::level_figures::*figure;
    observe::counter* counter;
  };

  /// Keeps alive what the others point into.
  std::shared_ptr<observe::registry> registry_;
  observe::gauge* up_;
  observe::gauge* open_calls_;
  observe::histogram* reads_;
  std::vector<counted> counters_;
};

} // namespace dbs::internal
