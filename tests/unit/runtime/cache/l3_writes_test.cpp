#include "unit/runtime/cache/l3_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace dbs;
using namespace dbs::test;
using namespace dbs::cache;

using fixture = l3_fixture;

// -- writes -----------------------------------------------------------------------------

TEST_CASE_METHOD(fixture, "writes are gathered in the order of their keys") {
  auto c = write("c");
  auto a = write("a");
  auto b = write("b");
  flush();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].param(0) == "{a,b,c}");
  answer_written({"done", "older", "done"});
  CHECK(answer_of(a) == "done");
  CHECK(answer_of(b) == "older");
  CHECK(answer_of(c) == "done");
  CHECK(counters->counted.writes == 2);
  CHECK(counters->counted.refused_older == 1);
  CHECK(core().figures().waiting_bytes == 0);
}

TEST_CASE_METHOD(fixture,
                 "a key is in one statement at a time, and the others do not wait for it") {
  auto first = write("k");
  auto second = write("k");
  write("a");
  flush();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].param(0) == "{a,k}");
  write("b");
  flush();
  REQUIRE(sent.size() == 2);
  CHECK(sent[1].param(0) == "{b}");
  answer_written({"done", "done"});
  CHECK(answer_of(first) == "done");
  CHECK(answer_of(second).empty());
  flush();
  REQUIRE(sent.size() == 2);
  CHECK(sent[1].param(0) == "{k}");
}

TEST_CASE_METHOD(fixture, "a statement has its bounds, but for a row that has more alone") {
  limits.statement_bytes = 100;
  write("a", 10s, std::string(60, 'x'));
  write("b", 10s, std::string(60, 'x'));
  write("c", 10s, std::string(1000, 'x'));
  flush();
  REQUIRE(sent.size() == 2);
  CHECK(sent[0].param(0) == "{a}");
  CHECK(sent[1].param(0) == "{b}");
  answer_written({"done"});
  flush();
  CHECK(sent.back().param(0) == "{c}");
}

TEST_CASE_METHOD(fixture, "a write is late while it waits, and in doubt while it runs") {
  limits.writes_in_flight = 1;
  auto runs = write("k", 1s);
  flush();
  auto waits = write("a", 1s);
  auto next = write("k", 10s);
  advance(1s);
  CHECK(answer_of(runs) == "in_doubt");
  CHECK(answer_of(waits) == "deadline_exceeded");
  // its key is busy nonetheless, until it has ended
  flush();
  CHECK(sent.size() == 1);
  answer_written({"done"});
  CHECK(answer_of(runs) == "in_doubt");
  flush();
  CHECK(sent.back().param(0) == "{k}");
  answer_written({"done"});
  CHECK(answer_of(next) == "done");
  CHECK(sink.twice == 0);
  CHECK(core().idle());
}

TEST_CASE_METHOD(fixture, "a write that others got in the way of is sent again, some times") {
  limits.attempts = 3;
  auto a = write("a");
  auto b = write("b");
  auto late = write("late", 1s);
  flush();
  advance(1s);
  answer_written({"done", "raced", "raced"});
  CHECK(answer_of(a) == "done");
  CHECK(answer_of(b).empty());
  CHECK(answer_of(late) == "in_doubt");
  flush();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].param(0) == "{b}");
  SECTION("until it is done") {
    answer_error(errc::query_failed, "40001");
    flush();
    answer_written({"older"});
    CHECK(answer_of(b) == "older");
    CHECK(core().figures().repeated == 2);
  }
  SECTION("and not for ever") {
    answer_written({"raced"});
    flush();
    answer_error(errc::query_failed, "40P01");
    CHECK(answer_of(b) == "overloaded");
  }
  CHECK(core().idle());
  CHECK(core().figures().waiting_keys == 0);
}

TEST_CASE_METHOD(fixture, "an error, or an answer that makes no sense, is that of all its writes") {
  auto a = write("a");
  auto b = write("b");
  flush();
  SECTION("an error") {
    answer_error(errc::query_failed, "22021");
    CHECK(answer_of(a) == "query_failed");
    CHECK(answer_of(b) == "query_failed");
  }
  SECTION("too few rows") {
    answer_written({"done"});
    CHECK(answer_of(a) == "protocol_error");
    CHECK(answer_of(b) == "protocol_error");
  }
  SECTION("too many rows") {
    answer_written({"done", "done", "done"});
    CHECK(answer_of(a) == "protocol_error");
    CHECK(answer_of(b) == "protocol_error");
  }
  CHECK(core().idle());
}

// -- erasures ---------------------------------------------------------------------------

TEST_CASE_METHOD(fixture, "an erasure waits for the writes before it, and for no others") {
  limits.writes_in_flight = 1;
  auto before = write("k1", 1s);
  flush();
  auto gone = erase("k");
  write("k2");
  flush();
  CHECK(sent.size() == 1);
  // late, and not over
  advance(1s);
  CHECK(answer_of(before) == "in_doubt");
  flush();
  CHECK(sent.size() == 1);
  answer_written({"done"});
  flush();
  REQUIRE(sent.size() == 2); // the write behind it, and the erasure
  CHECK(sent[1].what.sql.find("limit") != std::string::npos);
  CHECK(sent[1].param(4) == "k");
  CHECK(sent[1].param(5) == "l");
  std::swap(sent[0], sent[1]);
  answer_erased(3, "k9");
  CHECK(answer_of(gone) == "erased");
}

TEST_CASE_METHOD(fixture, "an erasure goes on behind the last key while its pieces are full") {
  limits.erase_rows = 2;
  auto gone = erase("k");
  auto other = erase("o");
  flush();
  REQUIRE(sent.size() == 1);
  answer_erased(2, "k7");
  flush();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].param(4) == "k7");
  CHECK(sent[0].param(5) == "l");
  answer_error(errc::query_failed, "40P01"); // is begun anew
  flush();
  CHECK(sent[0].param(4) == "k7");
  CHECK(answer_of(gone).empty());
  answer_erased(1, "k8");
  CHECK(answer_of(gone) == "erased");
  CHECK(core().figures().erased == 3);
  flush();
  CHECK(sent[0].param(4) == "o");
  answer_error(errc::connection_lost);
  CHECK(answer_of(other) == "connection_lost");
}

TEST_CASE_METHOD(fixture,
                 "an erasure that is late in the middle is in doubt, and is not continued") {
  limits.erase_rows = 2;
  auto gone = erase("k", 1s);
  auto next = erase("o", 1s);
  flush();
  advance(1s);
  CHECK(answer_of(gone) == "in_doubt");
  CHECK(answer_of(next) == "deadline_exceeded");
  answer_erased(2, "k7");
  flush();
  CHECK(sent.empty());
  CHECK(core().idle());
}
