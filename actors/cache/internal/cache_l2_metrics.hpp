// The metrics of the cache's second level.
#pragma once

#include "dbs/actors/cache/internal/level_metrics.hpp"
#include "dbs/runtime/observe/instruments.hpp"

#include <memory>

namespace dbs::internal {

class cache_l2_metrics {
public:
  explicit cache_l2_metrics(std::shared_ptr<observe::registry> registry);

  /// Brings everything up to what the level says of itself.
  void publish(const cache::level_figures& figures, bool connected, size_t open_calls);

  observe::histogram& reads() noexcept { return *reads_; }

private:
  /// Keeps alive what the others point into.
  std::shared_ptr<observe::registry> registry_;
  observe::gauge* up_;
  observe::gauge* open_calls_;
  observe::histogram* reads_;
  level_metrics counters_;
};

} // namespace dbs::internal
