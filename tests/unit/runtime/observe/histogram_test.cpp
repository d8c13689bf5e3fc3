#include "dbs/runtime/observe/histogram.hpp"

#include "dbs/messages/postgres/pool.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

using namespace dbs::observe;
using caf::timespan;

namespace {

using engine = std::mt19937_64;

struct distribution {
  std::string name;
  std::function<double(engine&)> draw;
};

std::vector<distribution> distributions() {
  return {
      {"uniform 1 us .. 1 ms",
       [](engine& rng) {
         return std::uniform_real_distribution{1e3, 1e6}(rng);
       }},
      {"log-normal around 200 us",
       [](engine& rng) {
         return std::lognormal_distribution{std::log(2e5), 1.5}(rng);
       }},
      {"exponential, mean 50 ms",
       [](engine& rng) { return std::exponential_distribution{1 / 5e7}(rng); }},
      {"two peaks, 2 us and 3 s",
       [](engine& rng) {
         auto peak = std::bernoulli_distribution{0.9}(rng) ? 2e3 : 3e9;
         return std::normal_distribution{peak, peak / 20}(rng);
       }},
      {"one value", [](engine&) { return 123456.0; }},
  };
}

std::vector<int64_t> draw(const distribution& dist, size_t n, uint64_t seed) {
  engine rng{seed};
  std::vector<int64_t> result(n);
  for (auto& x : result)
    x = std::clamp(static_cast<int64_t>(dist.draw(rng)),
                   static_cast<int64_t>(histogram_layout::min_ns),
                   static_cast<int64_t>(histogram_layout::max_ns));
  return result;
}

histogram_snapshot recorded(const std::vector<int64_t>& values) {
  auto h = std::make_unique<histogram>();
  for (auto x : values)
    h->record(timespan{x});
  return h->snapshot();
}

} // namespace

TEST_CASE("percentiles are within 1 % of an exact sort", "[observe][histogram]") {
  auto dist = GENERATE(from_range(distributions()));
  CAPTURE(dist.name);
  auto values = draw(dist, 20'000, 42);
  auto snapshot = recorded(values);
  std::sort(values.begin(), values.end());
  for (auto q : {0.0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0}) {
    auto rank =
        static_cast<size_t>(std::max(1.0, std::ceil(q * static_cast<double>(values.size()))));
    auto exact = static_cast<double>(values[rank - 1]);
    auto got = static_cast<double>(snapshot.quantile(q).count());
    CAPTURE(q, exact, got);
    CHECK(std::abs(got - exact) <= 0.01 * exact);
  }
  CHECK(snapshot.max().count() == values.back());
  CHECK(snapshot.quantile(1).count() == values.back());
  CHECK(snapshot.count() == values.size());
}

TEST_CASE("count, sum and mean are exact", "[observe][histogram]") {
  auto snapshot = recorded({1'000, 2'000, 4'500});
  CHECK(snapshot.count() == 3);
  CHECK(snapshot.sum() == timespan{7'500});
  CHECK(snapshot.mean() == timespan{2'500});
}

TEST_CASE("an empty histogram reports zeros", "[observe][histogram]") {
  auto snapshot = recorded({});
  CHECK(snapshot.count() == 0);
  CHECK(snapshot.mean() == timespan{0});
  CHECK(snapshot.quantile(0.99) == timespan{0});
  CHECK(snapshot.max() == timespan{0});
  CHECK(snapshot.count_up_to(std::chrono::hours{1}) == 0);
}

TEST_CASE("every bucket begins where the one before it ends", "[observe][histogram]") {
  using layout = histogram_layout;
  for (size_t i = 1; i < layout::size; ++i) {
    auto lower = layout::lower_bound(i);
    REQUIRE(layout::index_of(lower) == i);
    REQUIRE(layout::index_of(lower - 1) == i - 1);
    REQUIRE(layout::index_of(layout::middle(i)) == i);
  }
  REQUIRE(layout::index_of(layout::max_ns) < layout::size);
}

TEST_CASE("values outside the range are clamped and counted", "[observe][histogram]") {
  auto snapshot = recorded(
      {-5, 0, 99, 100, 3'600'000'000'000, 3'600'000'000'001, std::numeric_limits<int64_t>::max()});
  CHECK(snapshot.count() == 7);
  CHECK(snapshot.clamped_low() == 3);
  CHECK(snapshot.clamped_high() == 2);
  CHECK(snapshot.max() == std::chrono::hours{1});
  CHECK(snapshot.quantile(0) == timespan{100});
}

TEST_CASE("a merge holds what one histogram of both would hold", "[observe][histogram]") {
  auto dists = distributions();
  auto xs = draw(dists[1], 5'000, 1);
  auto ys = draw(dists[3], 7'000, 2);
  ys.push_back(7);
  auto both = xs;
  both.insert(both.end(), ys.begin(), ys.end());

  auto merged = recorded(xs);
  merged.merge(recorded(ys));
  CHECK(merged == recorded(both));

  SECTION("and an empty one changes nothing") {
    merged.merge(histogram_snapshot{});
    CHECK(merged == recorded(both));
    histogram_snapshot empty;
    empty.merge(merged);
    CHECK(empty == merged);
  }
}

TEST_CASE("counting up to a limit misses no value below it", "[observe][histogram]") {
  auto snapshot = recorded({500, 999'999, 1'000'000, 1'100'000, 2'000'000});
  CHECK(snapshot.count_up_to(timespan{50}) == 0);
  CHECK(snapshot.count_up_to(std::chrono::microseconds{1}) == 1);
  CHECK(snapshot.count_up_to(std::chrono::milliseconds{1}) == 3);
  CHECK(snapshot.count_up_to(std::chrono::hours{2}) == 5);
}

TEST_CASE("records of four threads are all counted", "[observe][histogram]") {
  auto h = std::make_unique<histogram>();
  constexpr int64_t per_thread = 50'000;
  std::vector<std::thread> threads;
  for (int64_t t = 0; t < 4; ++t)
    threads.emplace_back([&h, t] {
      for (int64_t i = 0; i < per_thread; ++i)
        h->record(timespan{1'000 + t});
    });
  for (auto& thread : threads)
    thread.join();
  auto snapshot = h->snapshot();
  CHECK(snapshot.count() == 4 * per_thread);
  CHECK(snapshot.sum_ns() == per_thread * (4'000 + 0 + 1 + 2 + 3));
  CHECK(snapshot.max() == timespan{1'003});
}

TEST_CASE("a summary has the percentiles of its snapshot", "[observe][histogram]") {
  std::vector<int64_t> values;
  for (int64_t i = 1; i <= 1000; ++i)
    values.push_back(i * 1'000);
  auto summary = summarize(recorded(values));
  auto near = [](timespan got, int64_t want) {
    return std::abs(static_cast<double>(got.count() - want)) <= 0.01 * static_cast<double>(want);
  };
  CHECK(summary.count == 1000);
  CHECK(summary.avg == timespan{500'500});
  CHECK(near(summary.p50, 500'000));
  CHECK(near(summary.p95, 950'000));
  CHECK(near(summary.p99, 990'000));
  CHECK(summary.max == timespan{1'000'000});
}
