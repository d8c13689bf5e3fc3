#include "dbs/runtime/postgres/shared_texts.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <string>

using namespace dbs::postgres;
using namespace std::chrono_literals;

TEST_CASE("a text shares if its kind does and it is quick") {
  shared_texts texts{50ms};
  CHECK(texts.lane_of("select 1") == request_lane::shared);
  CHECK(texts.lane_of("listen x") == request_lane::own);
  texts.took("select 1", 51ms);
  CHECK(texts.lane_of("select 1") == request_lane::slow);
  CHECK(texts.lane_of("select 2") == request_lane::shared);
}

TEST_CASE("a slow text is quick again after enough quick runs") {
  shared_texts texts{50ms};
  texts.took("select 1", 1s);
  int runs = 0;
  for (; texts.lane_of("select 1") == request_lane::slow; ++runs)
    texts.took("select 1", 1ms);
  CHECK(runs == 23);
  // One that was barely too slow comes back at once.
  texts.took("select 1", 52ms);
  texts.took("select 1", 1ms);
  CHECK(texts.lane_of("select 1") == request_lane::shared);
}

TEST_CASE("what is known of texts is bounded") {
  shared_texts texts{50ms};
  for (size_t i = 0; i < 3 * shared_texts::max_texts; ++i)
    texts.lane_of("select " + std::to_string(i));
  CHECK(texts.size() == shared_texts::max_texts);
  auto long_text = "select '" + std::string(shared_texts::max_text_size, 'x') + "'";
  CHECK(texts.lane_of(long_text) == request_lane::own);
  CHECK(texts.size() == shared_texts::max_texts);
}
