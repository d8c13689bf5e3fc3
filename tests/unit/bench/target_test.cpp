#include "harness/target.hpp"

#include <catch2/catch_test_macros.hpp>

#include <stdexcept>

using dbs::bench::fulfils;

TEST_CASE("a lower bound includes itself") {
  CHECK(fulfils(">= 0.85", 0.9));
  CHECK(fulfils(">= 0.85", 0.85));
  CHECK_FALSE(fulfils(">= 0.85", 0.84));
}

TEST_CASE("an upper bound includes itself unless it says otherwise") {
  CHECK(fulfils("<= 60", 60));
  CHECK_FALSE(fulfils("<= 60", 60.1));
  CHECK(fulfils("< 50", 49.9));
  CHECK_FALSE(fulfils("< 50", 50));
  CHECK(fulfils("<= 60", -3));
}

TEST_CASE("what is not a comparison with a number is no target") {
  for (auto target : {"", "50", "< ", "=> 3", "> 3", "<= fast", "<= 60 ms", "adds <= 60"})
    CHECK_THROWS_AS(fulfils(target, 1), std::invalid_argument);
}
