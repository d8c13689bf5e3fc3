#include "dbs/actors/cache/internal/cache_metrics.hpp"

namespace dbs::internal {

using observe::must;

cache_metrics::cache_metrics(std::shared_ptr<observe::registry> registry)
    : registry_(std::move(registry)) {
  auto count = [this](const char* name, const char* help, uint64_t (*figure)(const cache_stats&)) {
    auto* counter = must(registry_->add_counter(name, help));
    // The figures are since the start of the services, and so is what a predecessor has told.
    counters_.push_back({figure, observe::counter_feed{counter, counter->value()}});
  };
  auto show = [this](const char* name, const char* help, uint64_t (*figure)(const cache_stats&)) {
    gauges_.push_back({figure, must(registry_->add_gauge(name, help))});
  };
  using x = const cache_stats&;
  count("dbs_cache_l1_hits_total", "Reads that L1 has answered.", [](x s) { return s.l1.hits; });
  count("dbs_cache_l1_misses_total", "Reads that L1 has not answered, what is stale included.",
        [](x s) { return s.l1.misses; });
  count("dbs_cache_l1_evictions_total", "Entries that had to make room.",
        [](x s) { return s.evictions; });
  count("dbs_cache_l1_expired_total", "Entries that were taken out past their time.",
        [](x s) { return s.expired; });
  show("dbs_cache_l1_entries", "Entries of L1.", [](x s) { return s.entries; });
  show("dbs_cache_l1_capacity_entries", "Entries that L1 may have.",
       [](x s) { return s.capacity; });
  show("dbs_cache_l1_bytes", "Memory of L1, with everything that goes with its entries.",
       [](x s) { return s.bytes; });
  show("dbs_cache_l1_capacity_bytes", "Memory that L1 may have.",
       [](x s) { return s.capacity_bytes; });
  count("dbs_cache_loads_total", "Calls of loaders.", [](x s) { return s.loads; });
  count("dbs_cache_load_errors_total", "Calls of loaders that failed, or were late.",
        [](x s) { return s.load_errors; });
  count("dbs_cache_joins_total", "Requests that waited for what another one had asked for.",
        [](x s) { return s.joins; });
  count("dbs_cache_stale_served_total", "Answers past their time.",
        [](x s) { return s.stale_served; });
  count("dbs_cache_discarded_total", "Loaded values that were invalidated meanwhile.",
        [](x s) { return s.discarded; });
  count("dbs_cache_puts_total", "Entries that were put.", [](x s) { return s.puts; });
  count("dbs_cache_erasures_total", "Keys that were erased.", [](x s) { return s.erasures; });
  count("dbs_cache_invalidations_total", "Invalidations of prefixes and tags.",
        [](x s) { return s.invalidations; });
  count("dbs_cache_overloaded_total", "Requests beyond the bounds.",
        [](x s) { return s.overloaded; });
  count("dbs_cache_late_total", "Requests whose deadline has passed.", [](x s) { return s.late; });
  count("dbs_cache_repairs_total", "Keys removed from a level that a write had not reached.",
        [](x s) { return s.repairs; });
  show("dbs_cache_unsettled_keys", "Keys whose last write has not arrived on every level.",
       [](x s) { return s.unsettled; });
  show("dbs_cache_waiting_requests", "Requests that are not answered.",
       [](x s) { return s.waiting; });
}

void cache_metrics::publish(const cache_stats& figures) {
  for (auto& x : counters_)
    x.counter.reach(x.figure(figures));
  for (auto& x : gauges_)
    x.gauge->set(static_cast<double>(x.figure(figures)));
}

} // namespace dbs::internal
