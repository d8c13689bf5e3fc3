#include "dbs/actors/cache/internal/cache_l3_metrics.hpp"

namespace dbs::internal {

namespace {

using observe::must;

} // namespace

cache_l3_metrics::cache_l3_metrics(std::shared_ptr<observe::registry> registry)
    : registry_(std::move(registry)),
      up_(must(registry_->add_gauge("dbs_cache_l3_up", "1 while the table is within reach."))),
      statement_(must(registry_->add_histogram("dbs_cache_l3_statement_seconds",
                                               "From sending a statement to its result."))),
      level_counters_(*registry_, "dbs_cache_l3_") {
  using figures = cache::l3_figures;
  auto count = [this](const char* name, const char* help, uint64_t figures::*figure) {
    counters_.push_back({figure, observe::counter_feed{must(registry_->add_counter(name, help))}});
  };
  auto show = [this](const char* name, const char* help, size_t figures::*figure) {
    gauges_.push_back({figure, must(registry_->add_gauge(name, help))});
  };
  count("dbs_cache_l3_in_doubt_total", "Writes whose outcome is unknown.", &figures::in_doubt);
  count("dbs_cache_l3_repeated_total", "Writes sent again: others had got in the way.",
        &figures::repeated);
  count("dbs_cache_l3_erased_rows_total", "Rows erased by prefix or tag.", &figures::erased);
  count("dbs_cache_l3_cleaned_rows_total", "Rows deleted after their time.", &figures::cleaned);
  count("dbs_cache_l3_statements_total", "Statements sent.", &figures::statements);
  count("dbs_cache_l3_failed_statements_total", "Statements answered with an error.",
        &figures::failed_statements);
  count("dbs_cache_l3_overloaded_total", "Calls beyond the bounds.", &figures::overloaded);
  show("dbs_cache_l3_in_flight_statements", "Statements without a result.", &figures::in_flight);
  show("dbs_cache_l3_waiting_keys", "Keys that wait for a statement.", &figures::waiting_keys);
  show("dbs_cache_l3_waiting_bytes", "Bytes that wait for a statement.", &figures::waiting_bytes);
  up_->set(0); // a predecessor may have died while the table was there
}

void cache_l3_metrics::publish(const cache::l3_figures& figures,
                               const cache::level_counters& counters) {
  for (auto& x : counters_)
    x.counter.reach(figures.*x.figure);
  level_counters_.publish(counters.counted);
  for (auto& x : gauges_)
    x.gauge->set(static_cast<double>(figures.*x.figure));
}

} // namespace dbs::internal
