#include "unit/runtime/cache/l2_fixture.hpp"

#include "dbs/runtime/cache/tag_marks.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace dbs;
using namespace dbs::cache;
using namespace dbs::test;
using namespace std::chrono_literals;

TEST_CASE_METHOD(l2_fixture, "a value that is older than the mark of one of its tags is erased") {
  put("dbs:c:a", made_stored("x", {1, 5}, {"red", "blue"}));
  CHECK(answer_to(read("a")) == "value 1.5 x");
  CHECK(links[0].received.back() == words{"MGET", "dbs:t:blue", "dbs:t:red"});
  // what is known is not asked for again, for a while
  CHECK(answer_to(read("a")) == "value 1.5 x");
  CHECK(links.received("MGET") == 1);
  put("dbs:t:blue", made_tombstone({1, 6}));
  CHECK(answer_to(read("a")) == "value 1.5 x");
  advance(options.settings.l1_ttl);
  CHECK(answer_to(read("a")) == "tombstone 1.5");
  CHECK(links.received("MGET") == 2);
  // one that is not older is there
  put("dbs:c:a", made_stored("y", {1, 6}, {"red", "blue"}));
  CHECK(answer_to(read("a")) == "value 1.6 y");
  CHECK(links.received("MGET") == 2);
}

TEST_CASE_METHOD(l2_fixture, "the marks of many values are asked for at once") {
  put("dbs:c:a", made_stored("x", {1, 5}, {"red"}));
  put("dbs:c:b", made_stored("y", {1, 5}, {"red", "blue"}));
  put("dbs:c:c", made_stored("z", {1, 5}));
  put("dbs:t:blue", made_tombstone({2, 0}));
  CHECK(answer_to(read_many({"a", "b", "c", "d"})) ==
        "value 1.5 x, tombstone 1.5, value 1.5 z, nothing");
  CHECK(links.received("MGET") == 2);
  CHECK(links[0].received.back() == words{"MGET", "dbs:t:blue", "dbs:t:red"});
}

TEST_CASE_METHOD(l2_fixture, "an erasure by tag of this process holds at once") {
  put("dbs:c:a", made_stored("x", {1, 1}, {"red"}));
  CHECK(answer_to(read("a")) == "value 1.1 x");
  // before Redis has it, and where Redis refuses it
  script = "-OOM no memory\r\n";
  auto erased = erase_tag("red", {1, 2});
  CHECK(answer_to(read("a")) == "tombstone 1.1");
  CHECK(heard[erased] == "query_failed");
  CHECK(links.received("MGET") == 1);
}

TEST_CASE_METHOD(l2_fixture, "an erasure by tag holds for a read that is on its way") {
  put("dbs:c:a", made_stored("x", {1, 1}, {"red"}));
  silent = {"MGET"};
  auto token = read("a");
  run(); // the mark is asked for
  erase_tag("red", {1, 2});
  links.say(links[0], "*1\r\n_\r\n");
  CHECK(heard[token] == "tombstone 1.1");
  CHECK(answer_to(read("a")) == "tombstone 1.1");
}

TEST_CASE_METHOD(l2_fixture, "a mark that makes no sense is none, and no mark is an error") {
  put("dbs:c:a", made_stored("x", {1, 1}, {"red"}));
  data["dbs:t:red"] = "garbage";
  CHECK(answer_to(read("a")) == "value 1.1 x");
  CHECK(counted().corrupt == 1);
  // without the marks it is not known whether it is there
  put("dbs:c:a", made_stored("x", {1, 1}, {"blue"}));
  silent = {"MGET"};
  auto token = read("a", 5ms);
  run();
  advance(5ms);
  CHECK(heard[token] == "deadline_exceeded");
  CHECK(counted().timeouts == 1);
  links.answer = [this](scripted_link& link, const words& command) {
    return command[0] == "MGET" ? "*2\r\n_\r\n_\r\n" : serve(link, command);
  };
  links.say(links[0], "*1\r\n_\r\n");
  CHECK(answer_to(read("a")) == "protocol_error");
}

TEST_CASE("marks are remembered until their time, the latest one of each tag") {
  tag_marks marks;
  timer_queue::time_point now{1h};
  CHECK(!marks.find("a", now));
  marks.learn("a", {1, 5}, now, now + 10s);
  marks.learn("b", {}, now, now + 10s);
  CHECK(marks.find("a", now) == version{1, 5});
  CHECK(marks.find("b", now) == version{});
  marks.learn("a", {1, 4}, now, now + 20s);
  CHECK(marks.find("a", now + 19s) == version{1, 5});
  CHECK(!marks.find("a", now + 20s));
  CHECK(!marks.find("b", now + 10s));
  // then what is found counts
  marks.learn("a", {1, 3}, now + 20s, now + 30s);
  CHECK(marks.find("a", now + 20s) == version{1, 3});
}

TEST_CASE("marks are bounded: those that were learnt long ago are forgotten") {
  tag_marks marks;
  timer_queue::time_point now{1h};
  for (int i = 0; i < 100'000; ++i) {
    marks.learn(std::to_string(i), {1, 1}, now, now + 10s);
    CHECK(marks.size() <= tag_marks::max_tags);
  }
  CHECK(marks.find("99999", now));
  CHECK(marks.find("95000", now));
  CHECK(!marks.find("0", now));
}
