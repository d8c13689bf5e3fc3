#include "dbs/runtime/cache/internal/version_floor.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <random>
#include <vector>

using namespace dbs::cache;
using namespace std::chrono_literals;
using time_point = coarse_clock::time_point;

TEST_CASE("a floor counts until its time and not again") {
  version_floor floor{1000ms};
  CHECK(!floor.covers({0, 0}, time_point{0ms}));
  floor.raise({1, 10}, time_point{2000ms}, time_point{1000ms});
  CHECK(floor.covers({1, 9}, time_point{1999ms}));
  CHECK(!floor.covers({1, 10}, time_point{1999ms}));
  CHECK(!floor.covers({1, 9}, time_point{2000ms}));
  floor.raise({1, 5}, time_point{3000ms}, time_point{2000ms});
  CHECK(floor.covers({1, 4}, time_point{2500ms}));
  CHECK(!floor.covers({1, 5}, time_point{2500ms}));
}

TEST_CASE("a floor covers what it has to, and nothing an eighth of its time later") {
  constexpr auto ttl = 800ms;
  struct raised {
    version vers;
    time_point until;
  };
  version_floor floor{ttl};
  std::vector<raised> all;
  std::mt19937_64 random{1};
  time_point now{1ms};
  for (auto i = 0; i < 3000; ++i) {
    now += std::chrono::milliseconds{random() % 30};
    if (random() % 3 != 0) {
      all.push_back({{0, random() % 1000}, now + std::chrono::milliseconds{random() % 800 + 1}});
      floor.raise(all.back().vers, all.back().until, now);
    }
    version asked{0, random() % 1000};
    auto must = false;
    auto may = false;
    for (auto& x : all) {
      must = must || (now < x.until && asked < x.vers);
      may = may || (now < x.until + ttl / 8 + 1ms && asked < x.vers);
    }
    if (must)
      REQUIRE(floor.covers(asked, now));
    if (!may)
      REQUIRE(!floor.covers(asked, now));
  }
}
