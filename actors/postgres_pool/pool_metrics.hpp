// The metrics of one pool.
#pragma once

#include "dbs/messages/postgres/pool.hpp"
#include "dbs/runtime/observe/instruments.hpp"
#include "dbs/runtime/observe/latency_window.hpp"

#include <memory>
#include <optional>
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

  /// Fills in the latencies of the last one to two minutes, which the pool's logic
  /// does not keep.
  void complete(pool_stats& stats) const;

  /// Brings gauges and counters up to date, and forgets old latencies.
  void publish(const pool_stats& stats, caf::actor_clock::time_point now);

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
  observe::gauge* shared_connections_;
  observe::gauge* shared_statements_;
  observe::gauge* utilization_;

  std::optional<observe::latency_window> recent_acquire_;
  std::optional<observe::latency_window> recent_query_;
  std::optional<observe::latency_window> recent_hold_;
  std::unordered_map<std::string, observe::counter_feed> counters_;
};

} // namespace dbs::internal
