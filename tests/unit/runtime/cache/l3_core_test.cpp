#include "unit/runtime/cache/l3_fixture.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <random>

using namespace dbs;
using namespace dbs::test;
using namespace dbs::cache;

using fixture = l3_fixture;

// -- reads ------------------------------------------------------------------------------

TEST_CASE_METHOD(fixture, "what is asked while two reads are under way is gathered into the next") {
  auto a = read("a");
  CHECK(flush_wanted);
  CHECK(sent.empty()); // until the end of the turn
  flush();
  auto b = read("b");
  flush();
  auto c = read_all({"d", "c"});
  auto d = read("d");
  flush();
  REQUIRE(sent.size() == 2);
  CHECK(sent[0].param(0) == "{a}");
  CHECK(sent[1].param(0) == "{b}");
  answer_found({"a"});
  CHECK(answer_of(a) == "a");
  flush();
  REQUIRE(sent.size() == 2);
  CHECK(sent[1].param(0) == "{c,d}"); // one key is asked for once
  answer_found({});
  CHECK(answer_of(b) == "none");
  answer_found({"d"});
  CHECK(answer_of(c) == "d, none");
  CHECK(answer_of(d) == "d");
  CHECK(counters->counted.hits == 3);
  CHECK(counters->counted.misses == 2);
  CHECK(core().idle());
}

TEST_CASE_METHOD(fixture, "more keys than a statement takes are answered when all are there") {
  limits.statement_keys = 2;
  auto all = read_all({"a", "b", "c", "d", "e"});
  flush();
  REQUIRE(sent.size() == 2);
  answer_found({"a", "b"});
  flush();
  answer_found({"c"});
  CHECK(answer_of(all).empty());
  CHECK(sent.front().param(0) == "{e}");
  answer_found({"e"});
  CHECK(answer_of(all) == "a, b, c, none, e");
}

TEST_CASE_METHOD(fixture, "what was left out of an answer is asked for again") {
  auto all = read_all({"a", "b"});
  auto b = read("b");
  flush();
  answer_found({"a"}, {"b"});
  CHECK(answer_of(all).empty());
  CHECK(flush_wanted);
  flush();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].param(0) == "{b}");
  answer_found({"b"});
  CHECK(answer_of(all) == "a, b");
  CHECK(answer_of(b) == "b");
}

TEST_CASE_METHOD(fixture, "a statement lives as long as its last caller, and not for ever") {
  read("a", 1s);
  read("b", 3s);
  flush();
  CHECK(sent.back().deadline == in(3s));
  core().read("c", timer_queue::time_point::max(), sink, ++last);
  flush();
  CHECK(sent.back().deadline == in(limits.statement_timeout));
}

TEST_CASE_METHOD(fixture, "each caller has its own deadline") {
  auto a = read("a", 1s);
  auto b = read("b", 3s);
  flush();
  advance(1s);
  CHECK(answer_of(a) == "deadline_exceeded");
  CHECK(answer_of(b).empty());
  answer_found({"a", "b"});
  CHECK(answer_of(b) == "b");
  CHECK(sink.twice == 0);
  CHECK(counters->counted.timeouts == 1);
}

TEST_CASE_METHOD(fixture, "a late caller's keys are not sent any more") {
  limits.reads_in_flight = 1;
  read("first", 10s);
  flush();
  auto late = read_all({"late", "later"}, 1s);
  read("b", 10s);
  CHECK(core().figures().waiting_keys == 3);
  advance(1s);
  CHECK(answer_of(late) == "deadline_exceeded");
  CHECK(core().figures().waiting_keys == 1);
  answer_found({});
  flush();
  CHECK(sent.back().param(0) == "{b}");
}

TEST_CASE_METHOD(fixture, "a read that nobody saw the end of is lost, not in doubt") {
  auto a = read("a");
  flush();
  answer_error(errc::in_doubt);
  CHECK(answer_of(a) == "connection_lost");
  auto b = read("b");
  flush();
  answer_error(errc::pool_exhausted);
  CHECK(answer_of(b) == "pool_exhausted");
  CHECK(counters->counted.errors == 2);
  CHECK(core().figures().failed_statements == 2);
}

// -- bounds -----------------------------------------------------------------------------

TEST_CASE_METHOD(fixture, "what waits is bounded in keys and bytes") {
  limits.max_keys = 4;
  limits.max_bytes = 100;
  auto many = read_all({"a", "b", "c", "d", "e"});
  CHECK(answer_of(many) == "overloaded");
  auto large = write("k", 10s, std::string(100, 'x'));
  CHECK(answer_of(large) == "overloaded");
  auto some = read_all({"a", "b", "c"});
  auto fits = write("k");
  CHECK(answer_of(read("f")) == "overloaded");
  CHECK(answer_of(erase("f")) == "overloaded");
  CHECK(core().figures().overloaded == 4);
  CHECK(core().figures().waiting_keys == 4);
  flush();
  CHECK(core().figures().waiting_keys == 0);
  CHECK(core().figures().waiting_bytes == 0);
  CHECK(answer_of(read("f")).empty());
  CHECK(answer_of(some).empty());
  CHECK(answer_of(fits).empty());
}

// -- the table goes, the sink goes, the level goes ------------------------------------------

TEST_CASE_METHOD(fixture,
                 "when the table is away, what waits is answered, what runs as it turns out") {
  limits.reads_in_flight = limits.writes_in_flight = 1;
  limits.erase_rows = 1;
  auto gone = erase("k");
  flush();
  auto runs = read_all({"a", "b"});
  auto writes = write("w");
  flush();
  auto waits = read("c");
  auto waits_too = write("x");
  auto another = erase("o");
  core().close(fail(errc::connection_lost, "away"));
  CHECK(answer_of(waits) == "connection_lost");
  CHECK(answer_of(waits_too) == "connection_lost");
  CHECK(answer_of(another) == "connection_lost");
  CHECK(answer_of(read("d")) == "connection_lost");
  CHECK(answer_of(write("d")) == "connection_lost");
  flush();
  CHECK(sent.size() == 3);
  answer_erased(1, "k1"); // there would be more
  CHECK(answer_of(gone) == "connection_lost");
  answer_found({"a"}, {"b"});
  CHECK(answer_of(runs) == "connection_lost");
  answer_written({"raced"});
  CHECK(answer_of(writes) == "connection_lost");
  CHECK(core().idle());
  CHECK(core().figures().waiting_keys == 0);
  CHECK(core().figures().waiting_bytes == 0);
  core().open();
  CHECK(sent.size() == 1); // the cleaning
  auto again = read("a");
  flush();
  sent.erase(sent.begin());
  answer_found({"a"});
  CHECK(answer_of(again) == "a");
}

TEST_CASE_METHOD(fixture, "a sink that is forgotten hears nothing, and its writes are done") {
  limits.writes_in_flight = 1;
  read("a");
  write("b");
  flush();
  read("c");
  write("d");
  erase("e");
  recording_level_sink other;
  core().read("a", in(10s), other, 1);
  core().forget(sink);
  answer_found({"a"});
  answer_written({"done"});
  flush();
  REQUIRE(sent.size() == 2);
  CHECK(sent[0].param(0) == "{a}"); // of the other sink alone
  CHECK(sent[1].param(0) == "{d}");
  answer_found({"a"});
  answer_written({"done"});
  flush();
  answer_erased(0, "");
  CHECK(sink.answers.empty());
  CHECK(other.answers.at(1) == "a");
  CHECK(core().idle());
}

TEST_CASE_METHOD(fixture, "when it ends, everybody is answered `restarted`, also who asks then") {
  limits.reads_in_flight = limits.writes_in_flight = 1;
  read("a");
  write("b");
  erase("c");
  flush();
  read_all({"d", "e"});
  write("f");
  erase("g");
  auto asked = last;
  sink.then = [this, asked, &level = core()](level_token token) {
    if (token <= asked) {
      level.read("x", in(10s), sink, 100 + token);
      level.write("x", {}, in(10s), sink, 200 + token);
    }
  };
  destroy();
  for (level_token i = 1; i <= asked; ++i)
    CHECK(answer_of(i) == "restarted");
  CHECK(sink.answers.size() == 3 * asked);
  CHECK(sink.twice == 0);
  CHECK(time.timers().size() == 0);
}

// -- cleaning ---------------------------------------------------------------------------

TEST_CASE_METHOD(fixture, "old rows are deleted at once while there are many, then once a while") {
  core();
  CHECK(sent.empty());
  advance(limits.clean_interval);
  REQUIRE(sent.size() == 1);
  answer(testing::command_result("DELETE 500"));
  REQUIRE(sent.size() == 1);
  answer(testing::command_result("DELETE 499"));
  CHECK(sent.empty());
  CHECK(core().figures().cleaned == 999);
  advance(limits.clean_interval / 2 - 1ms);
  CHECK(sent.empty());
  advance(limits.clean_interval / 2 + 1ms);
  REQUIRE(sent.size() == 1);
  answer_error(errc::connection_lost);
  advance(limits.clean_interval);
  REQUIRE(sent.size() == 1);
  core().close(fail(errc::connection_lost, "away"));
  core().open();
  CHECK(sent.size() == 1); // one at a time
  answer(testing::command_result("DELETE 0"));
  core().close(fail(errc::connection_lost, "away"));
  advance(limits.clean_interval);
  CHECK(sent.empty());
}

// -- all of it --------------------------------------------------------------------------

TEST_CASE_METHOD(fixture, "whatever happens, each call is answered once, and nothing is left") {
  limits.statement_keys = 3;
  limits.max_keys = 40;
  limits.erase_rows = 2;
  limits.attempts = 3;
  std::mt19937 random{GENERATE(1U, 2U, 3U, 4U, 5U)};
  auto below = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
  auto key = [&] { return "k" + std::to_string(below(12)); };
  auto timeout = [&] { return caf::timespan{std::chrono::milliseconds{1 + below(300)}}; };
  std::map<l3_token, size_t> rows; // of writes
  for (int step = 0; step < 20'000; ++step) {
    switch (below(9)) {
    case 0:
      read(key(), timeout());
      break;
    case 1: {
      std::vector<std::string> keys(below(8));
      for (auto& x : keys)
        x = key();
      read_all(keys, timeout());
      break;
    }
    case 2:
    case 3:
      write(key(), timeout());
      break;
    case 4:
      erase(key(), timeout());
      break;
    case 5:
      advance(std::chrono::milliseconds{below(50)});
      break;
    case 6:
      flush();
      break;
    case 7:
      if (below(20) == 0)
        core().close(fail(errc::connection_lost, "away"));
      else
        core().open();
      break;
    default:
      if (sent.empty())
        break;
      std::swap(sent.front(), sent[below(static_cast<uint32_t>(sent.size()))]);
      auto& next = sent.front();
      auto& sql = next.what.sql;
      if (below(8) == 0) {
        answer_error(below(2) == 0 ? errc::in_doubt : errc::query_failed,
                     below(2) == 0 ? "40001" : "");
      } else if (sql.find("left_out") != std::string::npos) {
        answer_found({"k1", "k3", "k5"},
                     below(4) == 0 ? std::vector<std::string>{"k7"} : std::vector<std::string>{});
      } else if (sql.find("unnest") != std::string::npos) {
        auto keys = next.param(0);
        std::vector<std::string> outcomes;
        for (auto i = std::count(keys.begin(), keys.end(), ','); i >= 0; --i)
          outcomes.push_back(std::vector<std::string>{"done", "older", "raced"}[below(3)]);
        answer_written(outcomes);
      } else if (sql.find("last_key") != std::string::npos) {
        answer_erased(below(3), "k" + std::to_string(below(12)));
      } else {
        answer(testing::command_result("DELETE " + std::to_string(below(2) * 500)));
      }
    }
    REQUIRE(core().figures().waiting_keys <= limits.max_keys + 2 * limits.statement_keys);
    REQUIRE(sent.size() == core().figures().in_flight);
  }
  core().close(fail(errc::connection_lost, "away"));
  while (!sent.empty())
    answer_error(errc::connection_lost);
  CHECK(core().idle());
  CHECK(core().figures().waiting_keys == 0);
  CHECK(core().figures().waiting_bytes == 0);
  CHECK(core().figures().in_flight == 0);
  CHECK(sink.answers.size() == last);
  CHECK(sink.twice == 0);
  CHECK(time.timers().size() == 0);
}
