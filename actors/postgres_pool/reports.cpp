#include "dbs/actors/postgres_pool/reports.hpp"

#include <chrono>
#include <string>

namespace dbs {

namespace {

double in_ms(caf::timespan x) {
  return std::chrono::duration<double, std::milli>{x}.count();
}

void add_occupation(std::vector<field>& out, const pool_stats& stats) {
  auto add = [&out](const char* name, uint32_t value) {
    out.push_back({std::string{"pool."} + name, int64_t{value}});
  };
  add("pool_size", stats.pool_size);
  add("max_overflow", stats.max_overflow);
  add("active_connections", stats.active_connections);
  add("idle", stats.idle);
  add("connecting", stats.connecting);
  add("quarantined", stats.quarantined);
  add("overflow", stats.overflow);
  add("waiting", stats.waiting);
  add("max_waiting", stats.max_waiting);
  add("leases", stats.leases);
  add("leaks", stats.leaks);
  add("shared_connections", stats.shared_connections);
  add("shared_statements", stats.shared_statements);
  out.push_back({"pool.utilization", stats.utilization});
  out.push_back({"pool.last_connect_error", stats.last_connect_error});
}

void add_latency(std::vector<field>& out, const std::string& name, const latency_summary& x) {
  out.push_back({name + ".count", static_cast<int64_t>(x.count)});
  out.push_back({name + ".avg", in_ms(x.avg)});
  out.push_back({name + ".p50", in_ms(x.p50)});
  out.push_back({name + ".p95", in_ms(x.p95)});
  out.push_back({name + ".p99", in_ms(x.p99)});
  out.push_back({name + ".max", in_ms(x.max)});
}

} // namespace

std::vector<field> to_fields(const pool_stats& stats) {
  std::vector<field> result;
  add_occupation(result, stats);
  add_latency(result, "acquire_ms", stats.acquire);
  add_latency(result, "response_time_ms", stats.query);
  add_latency(result, "hold_ms", stats.hold);
  for (auto& x : stats.counters)
    result.push_back({"counters." + x.name, x.value});
  return result;
}

std::vector<field> to_health_fields(const pool_stats& stats) {
  std::vector<field> result;
  result.push_back({"avg_response_time_ms", in_ms(stats.query.avg)});
  add_latency(result, "response_time_ms", stats.query);
  add_occupation(result, stats);
  return result;
}

} // namespace dbs
