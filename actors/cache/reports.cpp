#include "dbs/actors/cache/reports.hpp"

#include <chrono>
#include <limits>
#include <string>

namespace dbs {

namespace {

double rate(uint64_t hits, uint64_t misses) {
  auto all = hits + misses;
  return all == 0 ? 0 : static_cast<double>(hits) / static_cast<double>(all);
}

double in_ms(caf::timespan x) {
  return std::chrono::duration<double, std::milli>{x}.count();
}

cache_level_stats level_of(const cache::level_counters& from) {
  cache_level_stats result;
  result.hits = from.counted.hits;
  result.misses = from.counted.misses;
  result.errors = from.counted.errors + from.counted.timeouts;
  result.hit_rate = rate(result.hits, result.misses);
  result.latency = observe::summarize(from.reads.snapshot());
  return result;
}

void add_latency(std::vector<field>& out, const std::string& name, const latency_summary& x) {
  out.push_back({name + ".count", static_cast<int64_t>(x.count)});
  out.push_back({name + ".p50_ms", in_ms(x.p50)});
  out.push_back({name + ".p95_ms", in_ms(x.p95)});
  out.push_back({name + ".p99_ms", in_ms(x.p99)});
}

void add_level(std::vector<field>& out, const std::string& name, const cache_level_stats& x) {
  out.push_back({name + ".hits", static_cast<int64_t>(x.hits)});
  out.push_back({name + ".misses", static_cast<int64_t>(x.misses)});
  out.push_back({name + ".errors", static_cast<int64_t>(x.errors)});
  out.push_back({name + ".hit_rate", x.hit_rate});
  add_latency(out, name + ".latency", x.latency);
}

} // namespace

cache_stats stats_of(const cache::cache_memory& memory, const cache::level_counters& l2,
                     const cache::level_counters& l3) {
  auto l1 = memory.l1.stats();
  auto limits = memory.l1.limits();
  auto& counts = memory.counts;
  cache_stats result;
  result.l1.hits = l1.hits;
  // What is stale is asked for again.
  result.l1.misses = l1.misses + l1.stale_hits;
  result.l1.hit_rate = rate(result.l1.hits, result.l1.misses);
  result.l1.latency = observe::summarize(memory.l1_latency.snapshot());
  result.l2 = level_of(l2);
  result.l3 = level_of(l3);
  result.entries = l1.entries;
  result.bytes = l1.bytes;
  result.capacity = limits.entries;
  result.capacity_bytes = limits.bytes;
  result.evictions = l1.evicted;
  result.expired = l1.expired;
  result.loads = counts.loads;
  result.load_errors = counts.load_errors;
  result.load_latency = observe::summarize(memory.load_latency.snapshot());
  result.joins = counts.joins;
  result.stale_served = counts.stale_served;
  result.discarded = counts.discarded;
  result.puts = counts.puts;
  result.erasures = counts.erasures;
  result.invalidations = counts.invalidations;
  result.unsettled = memory.unsettled.size();
  result.overloaded = counts.overloaded;
  result.late = counts.late;
  result.repairs = counts.repairs;
  return result;
}

std::vector<field> fields_of(const cache_stats& stats) {
  auto number = [](uint64_t x) { return static_cast<int64_t>(x); };
  std::vector<field> result{
      {"l1_hit_rate", stats.l1.hit_rate},
      {"l2_hit_rate", stats.l2.hit_rate},
      // No number, which is null in JSON.
      {"warming_accuracy",
       stats.warming_accuracy.value_or(std::numeric_limits<double>::quiet_NaN())},
      {"l1_size", number(stats.entries)},
      {"l1_capacity", number(stats.capacity)},
      {"l1_bytes", number(stats.bytes)},
      {"l1_capacity_bytes", number(stats.capacity_bytes)},
      {"evictions", number(stats.evictions)},
      {"expired", number(stats.expired)},
      {"loads", number(stats.loads)},
      {"load_errors", number(stats.load_errors)},
      {"joins", number(stats.joins)},
      {"stale_served", number(stats.stale_served)},
      {"discarded", number(stats.discarded)},
      {"puts", number(stats.puts)},
      {"erasures", number(stats.erasures)},
      {"invalidations", number(stats.invalidations)},
      {"unsettled", number(stats.unsettled)},
      {"waiting", number(stats.waiting)},
      {"overloaded", number(stats.overloaded)},
      {"late", number(stats.late)},
      {"repairs", number(stats.repairs)},
      {"l3_enabled", stats.l3_enabled},
  };
  add_level(result, "l1", stats.l1);
  add_level(result, "l2", stats.l2);
  if (stats.l3_enabled)
    add_level(result, "l3", stats.l3);
  add_latency(result, "load_latency", stats.load_latency);
  return result;
}

} // namespace dbs
