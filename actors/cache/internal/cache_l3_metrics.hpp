// The metrics of the cache's third level.
#pragma once

#include "dbs/actors/cache/internal/level_metrics.hpp"
#include "dbs/runtime/cache/l3_context.hpp"
#include "dbs/runtime/observe/instruments.hpp"

#include <memory>
#include <vector>

namespace dbs::internal {

class cache_l3_metrics {
public:
  explicit cache_l3_metrics(std::shared_ptr<observe::registry> registry);

  /// Brings everything up to what the level says of itself.
  void publish(const cache::l3_figures& figures, const cache::level_counters& counters);

  void set_up(bool up) noexcept { up_->set(up ? 1 : 0); }

  observe::histogram& statement() noexcept { return *statement_; }

private:
  struct counted {
    uint64_t cache::l3_figures::*figure;
    observe::counter_feed counter;
  };

  struct shown {
    size_t cache::l3_figures::*figure;
    observe::gauge* gauge;
  };

  /// Keeps alive what the others point into.
  std::shared_ptr<observe::registry> registry_;
  observe::gauge* up_;
  observe::histogram* statement_;
  level_metrics level_counters_;
  std::vector<counted> counters_;
  std::vector<shown> gauges_;
};

} // namespace dbs::internal
