#include "unit/runtime/cache/l2_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace dbs;
using namespace dbs::cache;
using namespace dbs::test;
using namespace std::chrono_literals;

namespace {

struct tuning_fixture : l2_fixture {
  tuning_fixture() {
    settings.pool_min = 4;
    settings.pool_max = 9;
    options.settings.l2_timeout = 100ms;
  }

  /// A read that takes so long.
  void read_within(caf::timespan took) {
    silent = {"GET"};
    read("a", 1s);
    run();
    advance(took);
    links.say(links[0], "_\r\n");
    silent.clear();
  }

  uint32_t optimized() {
    auto sizes = l2().optimize();
    REQUIRE(sizes);
    CHECK(sizes->l2_connections_min == 4);
    CHECK(sizes->l2_connections_max == 9);
    CHECK(sizes->l2_response_p95 == l2().response_p95());
    run();
    return sizes->l2_connections;
  }
};

} // namespace

TEST_CASE_METHOD(tuning_fixture, "without a measurement nothing changes") {
  CHECK(optimized() == 4);
  CHECK(!l2().response_p95());
  CHECK(!l2().slow());
}

TEST_CASE_METHOD(tuning_fixture,
                 "a slow Redis gets half as many connections more, to the maximum") {
  read_within(11ms);
  CHECK(l2().slow());
  CHECK(optimized() == 6);
  CHECK(links.open() == 6);
  CHECK(optimized() == 9);
  CHECK(optimized() == 9);
  CHECK(links.open() == 9);
}

TEST_CASE_METHOD(tuning_fixture, "a quick Redis keeps a quarter less, to the minimum") {
  l2();
  core().keep_connections(9);
  run();
  read_within(900us);
  CHECK(optimized() == 7);
  CHECK(optimized() == 6);
  CHECK(optimized() == 5);
  CHECK(optimized() == 4);
  CHECK(optimized() == 4);
}

TEST_CASE_METHOD(tuning_fixture, "in between everything stays as it is") {
  read_within(5ms);
  CHECK(!l2().slow());
  CHECK(optimized() == 4);
  CHECK(l2().response_p95());
}

TEST_CASE_METHOD(tuning_fixture, "a Redis whose reads are given up is slow") {
  options.settings.l2_timeout = 5ms;
  silent = {"GET"};
  for (int i = 0; i < 10; ++i) {
    read("a", 5ms);
    run();
    advance(5ms);
  }
  CHECK(l2().slow());
  CHECK(optimized() == 6);
}

TEST_CASE_METHOD(tuning_fixture, "what was slow long ago does not count") {
  read_within(50ms);
  CHECK(l2().slow());
  for (int i = 0; i < 21; ++i) {
    l2().tick();
    advance(1s);
  }
  CHECK(!l2().slow());
  CHECK(!l2().response_p95());
}
