#include "dbs/actors/cache/internal/cache_l2_metrics.hpp"

namespace dbs::internal {

namespace {

using observe::must;
using figures = cache::level_figures;

} // namespace

cache_l2_metrics::cache_l2_metrics(std::shared_ptr<observe::registry> registry)
    : registry_(std::move(registry)),
      up_(must(registry_->add_gauge("dbs_cache_l2_up", "1 while Redis answers."))),
      open_calls_(
          must(registry_->add_gauge("dbs_cache_l2_open_calls", "Calls without an answer."))),
      reads_(must(registry_->add_histogram("dbs_cache_l2_read_seconds",
                                           "From asking to the answer, or to giving up."))) {
  auto count = [this](const char* name, const char* help, uint64_t figures::*figure) {
    counters_.push_back({figure, must(registry_->add_counter(name, help))});
  };
  count("dbs_cache_l2_hits_total", "Keys that were found.", &figures::hits);
  count("dbs_cache_l2_misses_total", "Keys that were not there.", &figures::misses);
  count("dbs_cache_l2_errors_total", "Keys answered with an error.", &figures::errors);
  count("dbs_cache_l2_timeouts_total", "Keys whose deadline has passed.", &figures::timeouts);
  count("dbs_cache_l2_corrupt_total", "Entries that make no sense.", &figures::corrupt);
  count("dbs_cache_l2_writes_total", "Keys that were stored or erased.", &figures::writes);
  count("dbs_cache_l2_refused_older_total", "Writes with something newer in their place.",
        &figures::refused_older);
  up_->set(0); // a predecessor may have died while Redis was there
}

void cache_l2_metrics::publish(const figures& what, bool connected, size_t open_calls) {
  for (auto& x : counters_)
    x.counter->add(what.*x.figure - x.counter->value());
  up_->set(connected ? 1 : 0);
  open_calls_->set(static_cast<double>(open_calls));
}

} // namespace dbs::internal
