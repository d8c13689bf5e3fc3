#include "dbs/actors/postgres_pool/pool_metrics.hpp"

#include <chrono>

namespace dbs::internal {

namespace {

using observe::must;

constexpr caf::timespan window_span = std::chrono::seconds{60};

} // namespace

pool_metrics::pool_metrics(std::shared_ptr<observe::registry> registry, std::string id)
    : registry_(std::move(registry)), label_{{"pool", std::move(id)}} {
  auto histogram = [this](const char* name, const char* help) {
    return must(registry_->add_histogram(name, help, label_));
  };
  auto gauge = [this](const char* name, const char* help) {
    return must(registry_->add_gauge(name, help, label_));
  };
  acquire_ = histogram("dbs_postgres_pool_acquire_seconds", "Wait for a connection.");
  query_ = histogram("dbs_postgres_pool_query_seconds", "From sending a statement to its result.");
  hold_ = histogram("dbs_postgres_pool_hold_seconds", "How long leases were held.");
  size_ = gauge("dbs_postgres_pool_size", "Configured size without overflow.");
  active_ = gauge("dbs_postgres_pool_active_connections", "Connections that work for somebody.");
  idle_ = gauge("dbs_postgres_pool_idle_connections", "Connections that wait for work.");
  connecting_ = gauge("dbs_postgres_pool_connecting_connections", "Connects in flight.");
  quarantined_ = gauge("dbs_postgres_pool_quarantined_connections",
                       "Connections that are cancelled, cleaned up or closed.");
  overflow_ = gauge("dbs_postgres_pool_overflow_connections", "Connections beyond the size.");
  waiting_ = gauge("dbs_postgres_pool_waiting_requests", "Requests that wait for a connection.");
  leases_ = gauge("dbs_postgres_pool_leases", "Sessions that are checked out.");
  leaks_ = gauge("dbs_postgres_pool_leaks", "Sessions held for longer than the leak threshold.");
  shared_connections_ = gauge("dbs_postgres_pool_shared_connections",
                              "Connections that run statements of several callers.");
  shared_statements_ =
      gauge("dbs_postgres_pool_shared_statements", "Statements under way on shared connections.");
  utilization_ =
      gauge("dbs_postgres_pool_utilization_ratio", "Active connections per allowed connection.");
  recent_acquire_.emplace(*acquire_, window_span);
  recent_query_.emplace(*query_, window_span);
  recent_hold_.emplace(*hold_, window_span);
}

void pool_metrics::complete(pool_stats& stats) const {
  stats.acquire = observe::summarize(recent_acquire_->snapshot());
  stats.query = observe::summarize(recent_query_->snapshot());
  stats.hold = observe::summarize(recent_hold_->snapshot());
}

void pool_metrics::publish(const pool_stats& stats, caf::actor_clock::time_point now) {
  size_->set(stats.pool_size);
  active_->set(stats.active_connections);
  idle_->set(stats.idle);
  connecting_->set(stats.connecting);
  quarantined_->set(stats.quarantined);
  overflow_->set(stats.overflow);
  waiting_->set(stats.waiting);
  leases_->set(stats.leases);
  leaks_->set(stats.leaks);
  shared_connections_->set(stats.shared_connections);
  shared_statements_->set(stats.shared_statements);
  utilization_->set(stats.utilization);
  for (auto& x : stats.counters) {
    auto known = counters_.find(x.name);
    if (known == counters_.end()) {
      auto labels = label_;
      labels.emplace_back("event", x.name);
      auto* counter = must(registry_->add_counter("dbs_postgres_pool_events_total",
                                                  "What happened in the pool, by kind.", labels));
      known = counters_.emplace(x.name, observe::counter_feed{counter}).first;
    }
    known->second.reach(static_cast<uint64_t>(std::get<int64_t>(x.value)));
  }
  recent_acquire_->advance(now);
  recent_query_->advance(now);
  recent_hold_->advance(now);
}

} // namespace dbs::internal
