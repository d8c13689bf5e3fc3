#include "dbs/actors/cache/internal/cache_l2_metrics.hpp"

namespace dbs::internal {

namespace {

using observe::must;

} // namespace

cache_l2_metrics::cache_l2_metrics(std::shared_ptr<observe::registry> registry)
    : registry_(std::move(registry)),
      up_(must(registry_->add_gauge("dbs_cache_l2_up", "1 while Redis answers."))),
      open_calls_(
          must(registry_->add_gauge("dbs_cache_l2_open_calls", "Calls without an answer."))),
      reads_(must(registry_->add_histogram("dbs_cache_l2_read_seconds",
                                           "From asking to the answer, or to giving up."))),
      counters_(*registry_, "dbs_cache_l2_") {
  up_->set(0); // a predecessor may have died while Redis was there
}

void cache_l2_metrics::publish(const cache::level_figures& what, bool connected,
                               size_t open_calls) {
  counters_.publish(what);
  up_->set(connected ? 1 : 0);
  open_calls_->set(static_cast<double>(open_calls));
}

} // namespace dbs::internal
