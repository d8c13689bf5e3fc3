#include "dbs/actors/cache/internal/level_metrics.hpp"

namespace dbs::internal {

level_metrics::level_metrics(observe::registry& registry, const std::string& prefix) {
  using figures = cache::level_figures;
  auto count = [&](const char* name, const char* help, uint64_t figures::*figure) {
    counters_.push_back({figure, observe::must(registry.add_counter(prefix + name, help))});
  };
  count("hits_total", "Keys that were found.", &figures::hits);
  count("misses_total", "Keys that were not there.", &figures::misses);
  count("errors_total", "Keys answered with an error.", &figures::errors);
  count("timeouts_total", "Keys whose deadline has passed.", &figures::timeouts);
  count("corrupt_total", "Entries that make no sense.", &figures::corrupt);
  count("writes_total", "Keys that were stored or erased.", &figures::writes);
  count("refused_older_total", "Writes with something newer in their place.",
        &figures::refused_older);
}

void level_metrics::publish(const cache::level_figures& figures) {
  for (auto& x : counters_)
    x.counter->add(figures.*x.figure - x.counter->value());
}

} // namespace dbs::internal
