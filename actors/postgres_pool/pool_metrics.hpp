// The metrics of one pool.
#pragma once

#include "dbs/messages/postgres/pool.hpp"
#include "dbs/runtime/observe/metrics.hpp"

#include <memory>
#include <string>
#include <unordered_map>

namespace dbs::internal {

class pool_metrics {
public:
  /// @param id becomes the label `pool`.
  pool_metrics(std::shared_ptr<observe::registry> registry, std::string id);

  observe::histogram& acquire() { return *acquire_; }
  observe::histogram& query() { return *query_; }
  observe::histogram& hold() { return *hold_; }

  /// Fills in the latencies, which the pool's logic does not keep.
  void complete(pool_stats& stats) const;

  /// Brings gauges and counters up to date.
  void publish(const pool_stats& stats);

private:
  std::shared_ptr<observe::registry> registry_;
  observe::labels label_;
  observe::histogram* acquire_;
  observe::histogram* query_;
  observe::histogram* hold_;
  observe::gauge* size_;
  observe::gauge* active_;
  observe::gauge* idle_;
  observe::gauge* connecting_;
  observe::gauge* quarantined_;
  observe::gauge* overflow_;
  observe::gauge* waiting_;
  observe::gauge* leases_;
  observe::gauge* leaks_;
  observe::gauge* utilization_;

  struct published {
    observe::counter* counter = nullptr;
    uint64_t value = 0;
  };

  /// What of each of the pool's counters is in the registry already.
  std::unordered_map<std::string, published> counters_;
};

} // namespace dbs::internal
