#include "dbs/runtime/resilience/backoff.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace dbs;
using namespace std::chrono_literals;

TEST_CASE("a backoff begins with the first delay, then doubles the base up to the cap") {
  backoff delay{{.first = 5ms, .base = 100ms, .cap = 1s, .jitter = 0}};
  for (caf::timespan expected : {5ms, 100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms})
    CHECK(delay.next() == expected);
  CHECK(delay.failures() == 7);
}

TEST_CASE("a cap below the base bounds every delay but the first") {
  backoff delay{{.first = 0s, .base = 100ms, .cap = 50ms, .jitter = 0}};
  CHECK(delay.next() == 0s);
  CHECK(delay.next() == 50ms);
  CHECK(delay.next() == 50ms);
}

TEST_CASE("success starts over") {
  backoff delay{{.first = 0s, .base = 100ms, .cap = 1s, .jitter = 0}};
  delay.next();
  delay.next();
  delay.reset();
  CHECK(delay.failures() == 0);
  CHECK(delay.next() == 0s);
  CHECK(delay.next() == 100ms);
}

TEST_CASE("jitter only shortens, by up to its share, and differs from one backoff to the next") {
  auto shortest = caf::timespan::max();
  auto longest = caf::timespan::min();
  for (uint64_t seed = 1; seed <= 1'000; ++seed) {
    backoff delay{{.first = 1s, .base = 1s, .cap = 1s, .jitter = 0.2}, seed};
    auto x = delay.next();
    shortest = std::min(shortest, x);
    longest = std::max(longest, x);
  }
  CHECK(shortest >= 800ms);
  CHECK(shortest < 820ms);
  CHECK(longest > 980ms);
  CHECK(longest <= 1s);
}

TEST_CASE("an endless row of failures stays at the cap") {
  backoff delay{{.first = 0s, .base = 1ms, .cap = 10s, .jitter = 0}};
  for (int i = 0; i < 100'000; ++i)
    delay.next();
  CHECK(delay.next() == 10s);
}
