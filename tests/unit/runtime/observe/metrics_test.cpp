#include "dbs/runtime/observe/metrics.hpp"

#include "dbs/messages/error_detail.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <thread>
#include <vector>

using namespace dbs::observe;

namespace {

const std::string hits = "dbs_cache_hits_total";

template <class T>
bool refused(const caf::expected<T>& what, dbs::errc code = dbs::errc::invalid_argument) {
  return !what && what.error() == code;
}

labels of_namespace(const std::string& value) {
  return {{"namespace", value}};
}

} // namespace

TEST_CASE("a registered counter counts and is collected", "[observe][metrics]") {
  registry metrics;
  auto reads = metrics.add_counter(hits, "Hits.", of_namespace("product"));
  REQUIRE(reads);
  (*reads)->add();
  (*reads)->add(41);

  auto families = metrics.collect();
  REQUIRE(families.size() == 1);
  CHECK(families[0].name == hits);
  CHECK(families[0].help == "Hits.");
  CHECK(families[0].kind == metric_kind::counter);
  REQUIRE(families[0].series.size() == 1);
  CHECK(families[0].series[0].label_set == of_namespace("product"));
  CHECK(std::get<uint64_t>(families[0].series[0].value) == 42);
}

TEST_CASE("a series that is registered again is the same series", "[observe][metrics]") {
  registry metrics;
  auto first = metrics.add_counter(hits, "Hits.", of_namespace("a"));
  auto other = metrics.add_counter(hits, "Hits.", of_namespace("b"));
  auto again = metrics.add_counter(hits, "Hits.", of_namespace("a"));
  REQUIRE((first && other && again));
  CHECK(*first == *again);
  CHECK(*first != *other);
}

TEST_CASE("increments of four threads are all counted", "[observe][metrics]") {
  registry metrics;
  auto reads = metrics.add_counter(hits, "Hits.");
  REQUIRE(reads);
  constexpr uint64_t per_thread = 200'000;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([ptr = *reads] {
      for (uint64_t n = 0; n < per_thread; ++n)
        ptr->add();
    });
  for (auto& thread : threads)
    thread.join();
  CHECK((*reads)->value() == 4 * per_thread);
}

TEST_CASE("a gauge is set and moved", "[observe][metrics]") {
  registry metrics;
  auto idle = metrics.add_gauge("dbs_postgres_idle_connections", "Idle.");
  REQUIRE(idle);
  (*idle)->set(3);
  (*idle)->add(-0.5);
  CHECK((*idle)->value() == 2.5);
}

TEST_CASE("a callback gauge is read at every scrape until its handle is gone",
          "[observe][metrics]") {
  registry metrics;
  double level = 1;
  auto read = [&level] { return level; };
  auto handle = metrics.add_gauge_callback("dbs_cache_entries", "Entries.", {}, read);
  REQUIRE(handle);
  level = 7;
  REQUIRE(metrics.collect().size() == 1);
  CHECK(std::get<double>(metrics.collect()[0].series[0].value) == 7);

  SECTION("when the handle goes, so does the series") {
    handle->reset();
    CHECK(metrics.collect().empty());
  }
  SECTION("when it was replaced, the old handle no longer matters") {
    auto successor =
        metrics.add_gauge_callback("dbs_cache_entries", "Entries.", {}, [] { return 99.0; });
    REQUIRE(successor);
    handle->reset();
    REQUIRE(metrics.collect().size() == 1);
    CHECK(std::get<double>(metrics.collect()[0].series[0].value) == 99);
  }
}

TEST_CASE("a callback may use the registry", "[observe][metrics]") {
  registry metrics;
  auto handle = metrics.add_gauge_callback("dbs_cache_entries", "Entries.", {}, [&metrics] {
    return metrics.add_counter(hits, "Hits.") ? 1.0 : 0.0;
  });
  REQUIRE(handle);
  CHECK(std::get<double>(metrics.collect()[0].series[0].value) == 1);
}

TEST_CASE("names that break the rules are refused", "[observe][metrics]") {
  registry metrics;
  for (std::string name :
       {"", "cache_l1_hits_total", "dbs_hits_total", "dbs_cache_hits", "dbs_cache__hits_total",
        "dbs_cache_Hits_total", "dbs_cache_hits_total_", "dbs_cache_hi ts_total",
        "dbs_cache_hits\n_total", "dbs_cache-hits_total"}) {
    CAPTURE(name);
    CHECK(refused(metrics.add_counter(name, "Help.")));
  }
  CHECK(refused(metrics.add_counter("dbs_cache_" + std::string(200, 'x') + "_total", "Help.")));
  CHECK(refused(metrics.add_gauge("dbs_cache_hits_total", "A gauge is no total.")));
  CHECK(refused(metrics.add_histogram("dbs_cache_load_ms", "Not in seconds.")));
  CHECK(refused(metrics.add_counter(hits, "")));
  CHECK(metrics.collect().empty());
}

TEST_CASE("labels that break the rules are refused", "[observe][metrics]") {
  registry metrics;
  auto add = [&metrics](const labels& label_set) {
    return metrics.add_counter(hits, "Hits.", label_set);
  };
  CHECK(refused(add({{"", "x"}})));
  CHECK(refused(add({{"Namespace", "x"}})));
  CHECK(refused(add({{"__name", "x"}})));
  CHECK(refused(add({{"le", "x"}})));
  CHECK(refused(add({{"a", "x"}, {"a", "y"}})));
  CHECK(refused(add({{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "4"}, {"e", "5"}})));
  CHECK(refused(add({{"a", std::string(129, 'x')}})));
  CHECK(refused(add({{"a", "\xff"}})));
  CHECK(add({{"a", "any \"text\"\n"}}));
}

TEST_CASE("a name cannot have two kinds, label sets or help texts", "[observe][metrics]") {
  registry metrics;
  REQUIRE(metrics.add_gauge("dbs_cache_load_seconds", "Load."));
  auto other_kind = metrics.add_histogram("dbs_cache_load_seconds", "Load.");
  REQUIRE(refused(other_kind));
  CHECK(dbs::describe(other_kind.error()).find("'dbs_cache_load_seconds'") != std::string::npos);

  CHECK(refused(metrics.add_gauge("dbs_cache_load_seconds", "Load.", of_namespace("x"))));
  CHECK(refused(metrics.add_gauge("dbs_cache_load_seconds", "Something else.")));
  auto callback =
      metrics.add_gauge_callback("dbs_cache_load_seconds", "Load.", {}, [] { return 0.0; });
  CHECK(refused(callback));
}

TEST_CASE("series beyond the bound are counted together", "[observe][metrics]") {
  registry metrics{registry_options{.max_families = 2, .max_series = 3}};
  for (int i = 0; i < 10; ++i) {
    auto series = metrics.add_counter(hits, "Hits.", of_namespace(std::to_string(i)));
    REQUIRE(series);
    (*series)->add();
  }
  auto families = metrics.collect();
  REQUIRE(families.size() == 1);
  REQUIRE(families[0].series.size() == 4);
  CHECK(families[0].series.back().label_set == of_namespace("overflow"));
  CHECK(std::get<uint64_t>(families[0].series.back().value) == 7);

  SECTION("a known series is still found") {
    auto known = metrics.add_counter(hits, "Hits.", of_namespace("2"));
    REQUIRE(known);
    CHECK((*known)->value() == 1);
  }
  SECTION("a family beyond the bound is refused") {
    REQUIRE(metrics.add_counter("dbs_cache_misses_total", "Misses."));
    CHECK(refused(metrics.add_counter("dbs_cache_loads_total", "Loads."), dbs::errc::overloaded));
  }
}
