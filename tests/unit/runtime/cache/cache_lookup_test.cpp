#include "unit/runtime/cache/core_scene.hpp"

using namespace dbs;
using namespace dbs::cache;
using namespace dbs::cache::test;

TEST_CASE("a key goes from level to level, and what is found is kept in those above") {
  two_levels s;
  auto there = s.stored("abc", {1, 7});
  s.l3.content["k"] = there;
  auto first = s.get("k");
  CHECK(s.l2.pending() == std::vector<std::string>{"read k"});
  CHECK(s.l3.pending().empty());
  s.l2.answer();
  CHECK(s.l3.pending() == std::vector<std::string>{"read k"});
  s.l3.answer();
  CHECK(s.answer(first) == "l3 abc");
  CHECK(s.in_l1("k") == "abc");
  CHECK(s.l2.pending() == std::vector<std::string>{"fill k"});
  s.l2.answer();
  // with what it is, and not as something new
  CHECK(s.l2.content.at("k") == there);
  CHECK(s.core().waiting() == 0);
}

TEST_CASE("a key that no level has is an answer") {
  two_levels s;
  auto token = s.get("k");
  s.l2.answer();
  s.l3.answer();
  CHECK(s.answer(token) == "none");
  CHECK(s.answered_twice == 0);
}

TEST_CASE("levels may answer before they are left") {
  two_levels s;
  s.l2.at_once = s.l3.at_once = true;
  s.l3.content["b"] = s.stored("B", {1, 1});
  CHECK(s.answer(s.get("a")) == "none");
  CHECK(s.answer(s.get("b")) == "l3 B");
  CHECK(s.answer(s.mget({"a", "b", "c"})) == "none, l2 B, none");
}

TEST_CASE("many keys are one call to each level, each key once") {
  two_levels s;
  s.l2.content["b"] = s.stored("B", {1, 1});
  s.l3.content["c"] = s.stored("C", {1, 1});
  auto token = s.mget({"a", "b", "c", "b", "d"});
  CHECK(s.l2.pending() == std::vector<std::string>{"read a,b,c,d"});
  s.l2.answer();
  CHECK(s.l3.pending() == std::vector<std::string>{"read a,c,d"});
  s.l3.answer();
  CHECK(s.answer(token) == "none, l2 B, l3 C, l2 B, none");
  CHECK(s.answer(s.mget({})) == "");
}

TEST_CASE("a level that is away, or fails, counts as one without the key") {
  two_levels s;
  s.l3.content["k"] = s.stored("abc", {1, 1});
  SECTION("it is not there") {
    s.l2_link->down();
  }
  auto token = s.get("k");
  if (!s.l2.calls.empty())
    s.l2.fail(errc::deadline_exceeded);
  s.l3.answer();
  CHECK(s.answer(token) == "l3 abc");
  // What it has is not known, so that nothing is stored there.
  CHECK(s.l2.pending().empty());
}

TEST_CASE("L2 is given its timeout and L3 its own") {
  two_levels s;
  auto token = s.get("k", s.now() + 1ms);
  CHECK(s.l2.calls.at(0).deadline == s.now() + 5ms);
  s.advance(1ms);
  CHECK(s.answer(token) == "deadline_exceeded");
  s.l2.answer();
  CHECK(s.l3.calls.at(0).deadline == s.now() + 1s);
  s.l3.answer();
  CHECK(s.answered_twice == 0);
}

TEST_CASE("whoever asks for a key that is being looked up waits for the same answer") {
  one_level s;
  s.l2.content["k"] = s.stored("abc", {1, 1});
  auto first = s.get("k");
  auto second = s.get("k");
  auto many = s.mget({"k", "other"});
  CHECK(s.l2.pending() == std::vector<std::string>{"read k", "read other"});
  s.l2.answer_all();
  CHECK(s.answer(first) == "l2 abc");
  CHECK(s.answer(second) == "l2 abc");
  CHECK(s.answer(many) == "l2 abc, none");
  CHECK(s.memory->counts.joins == 2);
}

TEST_CASE("existence is answered without the value") {
  one_level s;
  s.l2.content["k"] = s.stored("abc", {1, 1});
  s.core().get(cache_get{"k", false, true}, time_point::max(), 77);
  auto with = s.get("k");
  s.l2.answer();
  CHECK(s.answer(77) == "l2 ");
  CHECK(s.answer(with) == "l2 abc");
}

TEST_CASE("what is kept in memory is asked for again after cache.l1_ttl") {
  one_level s;
  s.l2.content["k"] = s.stored("abc", {1, 1}, 100s);
  s.get("k");
  s.l2.answer();
  s.advance(9'999ms);
  CHECK(s.in_l1("k") == "abc");
  s.advance(1ms);
  CHECK_FALSE(s.in_l1("k"));
  SECTION("the same version is kept for as long again") {
    auto token = s.get("k");
    s.l2.answer();
    CHECK(s.answer(token) == "l2 abc");
    CHECK(s.in_l1("k") == "abc");
  }
  SECTION("nobody knows it any more") {
    s.l2.content.clear();
    auto token = s.get("k");
    s.l2.answer();
    CHECK(s.answer(token) == "none");
  }
  SECTION("while L2 is away it is better than nothing, and said to be stale") {
    auto token = s.get("k");
    s.l2.fail();
    CHECK(s.answer(token) == "l1 stale abc");
    CHECK(s.memory->counts.stale_served == 1);
  }
  SECTION("but not beyond its time") {
    s.advance(90s);
    auto token = s.get("k");
    s.l2.fail();
    CHECK(s.answer(token) == "none");
  }
}

TEST_CASE("what has expired, or was erased, is not there") {
  one_level s;
  s.l2.content["k"] = s.stored("abc", {1, 1}, 1s);
  SECTION("expired") {
    s.advance(1s);
  }
  SECTION("erased") {
    s.l2.content["k"].kind = stored_kind::tombstone;
  }
  auto token = s.get("k");
  s.l2.answer();
  CHECK(s.answer(token) == "none");
  CHECK_FALSE(s.in_l1("k"));
}

TEST_CASE("who has not looked into memory is answered from there") {
  one_level s;
  s.l2.at_once = true;
  s.l2.content["a"] = s.stored("A", {1, 1});
  s.l2.content["b"] = s.stored("B", {1, 1});
  s.get("a");
  s.l2.content.clear();
  s.core().get(cache_get{"a"}, time_point::max(), 71);
  CHECK(s.answer(71) == "l1 A");
  s.core().get(cache_get_many{{"b", "a"}}, time_point::max(), 72);
  CHECK(s.answer(72) == "none, l1 A");
  CHECK(s.core().waiting() == 0);
}

TEST_CASE("a negative entry says that there is nothing, from every level") {
  one_level s;
  s.l2.content["k"] = s.stored("", {1, 1});
  s.l2.content["k"].kind = stored_kind::negative;
  auto token = s.get("k");
  s.l2.answer();
  CHECK(s.answer(token) == "l2");
  CHECK(s.in_l1("k") == "");
}

TEST_CASE("requests beyond the bound, and late or senseless ones, are refused") {
  one_level s;
  s.max_waiting = 3;
  CHECK(s.answer(s.get("")) == "invalid_argument");
  CHECK(s.answer(s.get(std::string(513, 'k'))) == "invalid_argument");
  CHECK(s.answer(s.get("a\nb")) == "invalid_argument");
  CHECK(s.answer(s.get("\xff")) == "invalid_argument");
  CHECK(s.answer(s.mget({"a", ""})) == "invalid_argument");
  CHECK(s.answer(s.load("a:b")) == "not_found");
  CHECK(s.answer(s.get("k", s.now())) == "deadline_exceeded");
  CHECK(s.answer(s.mget({"a", "b", "c", "d"})) == "overloaded");
  auto one = s.mget({"a", "b", "c"});
  CHECK(s.answer(s.get("a")) == "overloaded");
  CHECK(s.l2.pending() == std::vector<std::string>{"read a,b,c"});
  s.l2.answer();
  CHECK(s.answer(one) == "none, none, none");
  auto next = s.get("a");
  s.l2.answer();
  CHECK(s.answer(next) == "none");
}

TEST_CASE("a drain refuses what is new and ends behind what is open") {
  one_level s;
  auto open = s.get("k");
  s.core().drain();
  CHECK(s.answer(s.get("k")) == "draining");
  CHECK_FALSE(s.drained);
  SECTION("it ends by itself") {
    s.l2.answer();
    CHECK(s.answer(open) == "none");
  }
  SECTION("it is cut short") {
    s.core().abort(fail(errc::draining, "enough"));
    CHECK(s.answer(open) == "draining");
  }
  CHECK(s.drained);
}

TEST_CASE("memory's copy is not served where L2 has said that the key is gone") {
  two_levels s;
  s.l2.content["k"] = s.stored("abc", {1, 1});
  s.get("k");
  s.l2.answer();
  s.advance(10s);
  s.l2.content["k"].kind = stored_kind::tombstone;
  auto read = s.get("k");
  s.l2.answer();
  s.l3.fail();
  CHECK(s.answer(read) == "none");
}

TEST_CASE("memory's copy is not served behind the erasure of one of its tags") {
  one_level s;
  s.register_loader("p", {});
  auto tagged = s.stored("old", {1, 1});
  tagged.tags = {"red"};
  s.l2.content["p:1"] = tagged;
  s.get("p:1");
  s.l2.answer();
  s.advance(10s);
  auto before = s.load("p:1");
  s.l2.fail(errc::deadline_exceeded);
  auto other = s.get("p:1");
  CHECK(s.answer(other) == "l1 stale old");
  s.invalidate(cache_scope::tag, "red");
  auto behind = s.get("p:1");
  CHECK(s.answer(behind) == "none");
  CHECK(s.answer(before) == "pending");
}
