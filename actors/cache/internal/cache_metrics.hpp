// The metrics of the cache and of its first level.
#pragma once

#include "dbs/messages/cache/stats.hpp"
#include "dbs/runtime/observe/instruments.hpp"

#include <memory>
#include <vector>

namespace dbs::internal {

class cache_metrics {
public:
  explicit cache_metrics(std::shared_ptr<observe::registry> registry);

  /// Brings everything up to these figures.
  void publish(const cache_stats& figures);

private:
  struct counted {
    uint64_t (*figure)(const cache_stats&);
    observe::counter_feed counter;
  };

  struct shown {
    uint64_t (*figure)(const cache_stats&);
    observe::gauge* gauge;
  };

  /// Keeps alive what the others point into.
  std::shared_ptr<observe::registry> registry_;
  std::vector<counted> counters_;
  std::vector<shown> gauges_;
};

} // namespace dbs::internal
