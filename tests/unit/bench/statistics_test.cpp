#include "harness/statistics.hpp"

#include <catch2/catch_test_macros.hpp>

#include <stdexcept>

using dbs::bench::spread_of;

TEST_CASE("the median of an odd number of rounds is the one in the middle") {
  auto x = spread_of({5, 1, 3});
  CHECK(x.median == 3);
  CHECK(x.min == 1);
  CHECK(x.max == 5);
}

TEST_CASE("the median of an even number of rounds is the mean of the two in the middle") {
  auto x = spread_of({8, 2, 4, 6});
  CHECK(x.median == 5);
  CHECK(x.min == 2);
  CHECK(x.max == 8);
}

TEST_CASE("one round is its own median and range") {
  auto x = spread_of({7});
  CHECK(x.median == 7);
  CHECK(x.min == 7);
  CHECK(x.max == 7);
}

TEST_CASE("no rounds have no median") {
  CHECK_THROWS_AS(spread_of({}), std::invalid_argument);
}
