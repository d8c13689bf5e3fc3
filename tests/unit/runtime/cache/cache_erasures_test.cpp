// Erasures of many keys at a time.
#include "unit/runtime/cache/core_scene.hpp"

using namespace dbs;
using namespace dbs::cache;
using namespace dbs::cache::test;

TEST_CASE("a prefix is removed from all levels, and what was read before is kept nowhere") {
  two_levels s;
  s.l2.content["a:1"] = s.stored("1", {1, 1});
  s.l3.content["a:1"] = s.stored("1", {1, 1});
  s.l3.content["a:2"] = s.stored("2", {1, 1});
  s.l3.content["b:1"] = s.stored("3", {1, 1});
  s.get("a:1");
  s.l2.answer();
  CHECK(s.in_l1("a:1") == "1");
  auto token = s.invalidate(cache_scope::prefix, "a:");
  CHECK_FALSE(s.in_l1("a:1"));
  // given a read that sees the third level before it has heard of it
  auto between = s.get("a:2");
  s.l2.answer(1);
  s.l3.answer(1);
  CHECK(s.answer(between) == "none");
  CHECK_FALSE(s.in_l1("a:2"));
  s.l2.answer();
  CHECK(s.answer(token) == "pending");
  s.l3.answer();
  CHECK(s.answer(token) == "done");
  s.l2.at_once = s.l3.at_once = true;
  CHECK(s.answer(s.get("a:1")) == "none");
  CHECK(s.answer(s.get("b:1")) == "l3 3");
}

TEST_CASE("a tag is removed from all levels") {
  two_levels s;
  s.l2.at_once = s.l3.at_once = true;
  cache_put red{"r", blob{"1"}};
  red.tags = {"red"};
  s.put(red);
  s.put("plain", "2");
  CHECK(s.answer(s.invalidate(cache_scope::tag, "red")) == "done");
  CHECK_FALSE(s.in_l1("r"));
  CHECK(s.in_l1("plain") == "2");
  CHECK(s.answer(s.get("r")) == "none");
  // what is put behind it has nothing to do with it
  s.put(red);
  CHECK(s.in_l1("r") == "1");
}

TEST_CASE("an invalidation that may not have come about says so") {
  two_levels s;
  CHECK(s.answer(s.invalidate(cache_scope::prefix, "")) == "invalid_argument");
  auto token = s.invalidate(cache_scope::tag, "red");
  s.l2.fail();
  CHECK(s.answer(token) == "pending");
  s.l3.answer();
  CHECK(s.answer(token) == "connection_lost");
  s.l3_link->down();
  auto other = s.invalidate(cache_scope::prefix, "a");
  s.l2.answer();
  CHECK(s.answer(other) == "connection_lost");
}

TEST_CASE("an erasure of many waits for older writes that could come about behind it") {
  one_level s;
  s.register_loader("a");
  // given a fill and a put on their way
  s.load("a:1");
  s.l2.answer();
  s.loader_says("old");
  cache_put tagged{"b", blob{"old"}};
  tagged.tags = {"red"};
  s.put(tagged);
  REQUIRE(s.l2.pending() == std::vector<std::string>{"fill a:1", "write b"});
  auto prefix = s.invalidate(cache_scope::prefix, "a:");
  auto tag = s.invalidate(cache_scope::tag, "red");
  auto other = s.invalidate(cache_scope::tag, "blue");
  CHECK(s.l2.pending() == std::vector<std::string>{"fill a:1", "write b", "erase_tag blue"});
  s.l2.answer_all();
  for (auto token : {prefix, tag, other})
    CHECK(s.answer(token) == "done");
  CHECK(s.l2.content.empty());
}

TEST_CASE("a put does not become newer than an erasure that waits for it") {
  one_level s;
  s.core();
  s.l2.content["k"] = s.stored("loaded", {1, 1'900'000'000'000'000});
  auto put = s.put("k", "old", GENERATE(cache_reach::l1, cache_reach::l2));
  auto erased = s.invalidate(cache_scope::prefix, "k");
  s.l2.answer();
  CHECK(s.l2.pending() == std::vector<std::string>{"erase_prefix k"});
  s.l2.answer();
  CHECK(s.answer(put) == "done");
  CHECK(s.answer(erased) == "done");
  CHECK_FALSE(s.in_l1("k"));
  CHECK(s.l2.content.at("k").value.view() == "loaded");
}

TEST_CASE("an invalidation is answered at its deadline, and comes about all the same") {
  one_level s;
  s.register_loader("p");
  s.load("p:1");
  s.l2.answer();
  s.loader_says("old");
  s.core().invalidate({cache_scope::prefix, "p:"}, s.now() + 1s, 99);
  CHECK(s.l2.pending() == std::vector<std::string>{"fill p:1"});
  s.advance(1s);
  CHECK(s.answer(99) == "in_doubt");
  s.l2.answer();
  CHECK(s.l2.pending() == std::vector<std::string>{"erase_prefix p:"});
  CHECK(s.l2.calls.at(0).deadline > s.now());
  s.l2.answer();
  CHECK(s.core().waiting() == 0);
  CHECK(s.answered_twice == 0);
}

TEST_CASE("an invalidation is remembered for as long as it takes, and what was read may take") {
  two_levels s;
  s.l3.content["p:1"] = s.stored("old", {1, 1}, 1h);
  s.invalidate(cache_scope::prefix, "p:");
  s.l2.answer();
  s.advance(60s);
  auto read = s.get("p:1");
  s.l2.answer();
  s.l3.answer(1);
  CHECK(s.answer(read) == "none");
  CHECK(s.l2.pending().empty());
}
