#include "unit/runtime/cache/core_scene.hpp"

using namespace dbs;
using namespace dbs::cache;
using namespace dbs::cache::test;

TEST_CASE("a put goes to all levels and is answered when it has come far enough") {
  two_levels s;
  auto reach = GENERATE(cache_reach::l1, cache_reach::l2, cache_reach::l3);
  auto token = s.put("k", "abc", reach);
  CHECK(s.l2.pending() == std::vector<std::string>{"write k"});
  CHECK(s.l3.pending() == std::vector<std::string>{"write k"});
  CHECK(s.in_l1("k") == "abc");
  CHECK(s.answer(token) == (reach == cache_reach::l1 ? "done" : "pending"));
  s.l2.answer();
  CHECK(s.answer(token) == (reach == cache_reach::l3 ? "pending" : "done"));
  CHECK(s.memory->unsettled.size() == 1);
  s.l3.answer();
  CHECK(s.answer(token) == "done");
  CHECK(s.memory->unsettled.size() == 0);
  CHECK(s.l2.content.at("k").soft == s.wall() + 300s);
  CHECK(s.l3.content.at("k") == s.l2.content.at("k"));
  CHECK(s.core().waiting() == 0);
}

TEST_CASE("an entry has the time to live, the tags and the kind that it was put with") {
  one_level s;
  cache_put what{"k", blob{"abc"}};
  what.ttl = 7s;
  what.tags = {"red", "blue"};
  SECTION("value") {}
  SECTION("negative") {
    what.value = {};
    what.negative = true;
  }
  auto kind = what.negative ? stored_kind::negative : stored_kind::value;
  s.put(std::move(what));
  s.l2.answer();
  auto& there = s.l2.content.at("k");
  CHECK(there.soft == s.wall() + 7s);
  CHECK(there.hard == there.soft);
  CHECK(there.tags == std::vector<std::string>{"red", "blue"});
  CHECK(there.kind == kind);
  s.advance(7s);
  CHECK_FALSE(s.in_l1("k"));
}

TEST_CASE("times to live are shortened at random by up to cache.ttl_jitter") {
  one_level s;
  s.settings.ttl_jitter = 0.5;
  s.l2.at_once = true;
  auto shortest = wall_time::max();
  auto longest = wall_time::min();
  for (auto i = 0; i < 200; ++i) {
    auto key = "k" + std::to_string(i);
    s.put(key, "x");
    shortest = std::min(shortest, s.l2.content.at(key).soft);
    longest = std::max(longest, s.l2.content.at(key).soft);
  }
  CHECK(shortest >= s.wall() + 150s);
  CHECK(shortest < s.wall() + 170s);
  CHECK(longest <= s.wall() + 300s);
  CHECK(longest > s.wall() + 280s);
}

TEST_CASE("puts that make no sense are refused, and change nothing") {
  one_level s;
  s.settings.max_value_bytes = 3;
  auto refused = [&s](cache_put what) { return s.answer(s.put(std::move(what))); };
  CHECK(refused({"", blob{"a"}}) == "invalid_argument");
  CHECK(refused({"k", blob{"abcd"}}) == "payload_too_large");
  CHECK(refused({"k", blob{"a"}, caf::timespan{0}}) == "invalid_argument");
  CHECK(refused({"k", blob{"a"}, caf::timespan{-1s}}) == "invalid_argument");
  CHECK(refused({"k", blob{"a"}, {}, std::vector<std::string>(17, "t")}) == "invalid_argument");
  CHECK(refused({"k", blob{"a"}, {}, {""}}) == "invalid_argument");
  CHECK(refused({"k", blob{"a"}, {}, {}, cache_reach::l2, true}) == "invalid_argument");
  CHECK(s.l2.pending().empty());
  CHECK_FALSE(s.in_l1("k"));
}

TEST_CASE("the later of two puts wins, in whatever order they arrive") {
  one_level s;
  auto first = s.put("k", "1");
  auto second = s.put("k", "2");
  s.l2.answer(1);
  CHECK(s.answer(second) == "done");
  s.l2.answer(0);
  CHECK(s.answer(first) == "done");
  CHECK(s.l2.content.at("k").value.view() == "2");
  CHECK(s.in_l1("k") == "2");
  CHECK(s.memory->unsettled.size() == 0);
}

TEST_CASE("a write that is later than what another process wrote by a clock that is ahead wins") {
  one_level s;
  s.core();
  s.l2.content["k"] = s.stored("theirs", {1, 1'900'000'000'000'000});
  auto erases = GENERATE(false, true);
  auto token = erases ? s.erase("k") : s.put("k", "ours");
  s.l2.answer();
  CHECK(s.answer(token) == "pending");
  s.l2.answer();
  CHECK(s.answer(token) == (erases ? "true" : "done"));
  CHECK(s.l2.content.at("k").vers > version{1, 1'900'000'000'000'000});
  CHECK(s.in_l1("k") == (erases ? std::nullopt : std::optional<std::string>{"ours"}));
  // and from now on this clock is ahead, too
  auto next = s.put("other", "x");
  s.l2.answer();
  CHECK(s.answer(next) == "done");
  CHECK(s.l2.content.at("other").vers > s.l2.content.at("k").vers);
}

TEST_CASE("an erasure says whether there was something") {
  two_levels s;
  s.l2.at_once = s.l3.at_once = true;
  s.put("k", "abc");
  CHECK(s.answer(s.erase("k")) == "true");
  CHECK(s.answer(s.erase("k")) == "false");
  CHECK_FALSE(s.in_l1("k"));
  CHECK(s.l2.content.at("k").kind == stored_kind::tombstone);
  CHECK(s.l3.content.at("k").kind == stored_kind::tombstone);
  CHECK(s.answer(s.get("k")) == "none");
}

TEST_CASE("what a level says is not believed while a write is on its way to it") {
  two_levels s;
  s.l2.content["k"] = s.stored("old", {1, 1});
  s.l3.content["k"] = s.stored("old", {1, 1});
  auto erased = s.erase("k", cache_reach::l1);
  CHECK(s.answer(erased) == "false");
  auto token = s.get("k");
  s.l2.answer(1);
  s.l3.answer(1);
  CHECK(s.answer(token) == "none");
  CHECK_FALSE(s.in_l1("k"));
}

TEST_CASE("a read that overtakes an erasure answers nobody who asks behind it") {
  one_level s;
  s.l2.content["k"] = s.stored("old", {1, 1});
  auto erased = s.erase("k");
  auto between = s.get("k");
  // given that Redis has answered the read before it erased, and is heard the other way round
  auto old = s.l2.content.at("k");
  s.l2.answer(0);
  CHECK(s.answer(erased) == "true");
  auto behind = s.get("k");
  REQUIRE(s.l2.pending() == std::vector<std::string>{"read k", "read k"});
  s.l2.content["k"] = old;
  s.l2.answer(0);
  CHECK_FALSE(s.in_l1("k"));
  s.l2.content["k"].kind = stored_kind::tombstone;
  s.l2.answer(0);
  CHECK(s.answer(behind) == "none");
  CHECK(s.answer(between) != "pending");
}

TEST_CASE("a write that does not arrive is said so, and leaves nothing anywhere") {
  two_levels s;
  s.l2.content["k"] = s.stored("old", {1, 1});
  auto code = GENERATE(errc::connection_lost, errc::in_doubt);
  auto token = s.put("k", "new", cache_reach::l3);
  s.l3.answer();
  s.l2.fail(code);
  CHECK(s.answer(token) == to_string(code));
  CHECK_FALSE(s.in_l1("k"));
  // what the levels have is not believed until it is removed
  auto read = s.get("k");
  s.l2.answer();
  s.l3.answer();
  CHECK(s.answer(read) == "none");
  s.advance(1s);
  CHECK(s.l2.pending() == std::vector<std::string>{"write k"});
  CHECK(s.l3.pending() == std::vector<std::string>{"write k"});
  s.l2.fail();
  s.l3.answer();
  s.advance(1s);
  CHECK(s.l3.pending().empty());
  s.l2.answer();
  CHECK(s.l2.content.at("k").kind == stored_kind::tombstone);
  CHECK(s.l3.content.at("k").kind == stored_kind::tombstone);
  CHECK(s.memory->unsettled.size() == 0);
  s.advance(10s);
  CHECK(s.l2.pending().empty());
}

TEST_CASE("an answered write that does not arrive behind its answer is seen to") {
  one_level s;
  s.l2.content["k"] = s.stored("old", {1, 1});
  auto token = s.put("k", "new", cache_reach::l1);
  s.l2.fail();
  CHECK(s.answer(token) == "done");
  CHECK(s.in_l1("k") == "new");
  s.advance(1s);
  s.l2.answer();
  CHECK(s.l2.content.at("k").kind == stored_kind::tombstone);
}

TEST_CASE("a write that a crash has cut off is seen to by the next incarnation") {
  one_level s;
  s.l2.content["k"] = s.stored("old", {1, 1});
  s.erase("k");
  s.restart();
  CHECK(s.l2.pending().empty());
  auto token = s.get("k");
  s.l2.answer();
  CHECK(s.answer(token) == "none");
  s.advance(1s);
  CHECK(s.l2.pending() == std::vector<std::string>{"write k"});
  s.l2.answer();
  CHECK(s.l2.content.at("k").kind == stored_kind::tombstone);
}

TEST_CASE("writes are refused when too many keys wait for a level that is away") {
  one_level s;
  s.l2_link->down();
  for (size_t i = 0; i < unsettled_writes::max_keys; ++i)
    REQUIRE(s.answer(s.put("k" + std::to_string(i), "x", cache_reach::l1)) == "done");
  CHECK(s.answer(s.put("more", "x", cache_reach::l1)) == "overloaded");
  CHECK_FALSE(s.in_l1("more"));
  CHECK(s.answer(s.erase("more", cache_reach::l1)) == "overloaded");
  // but for those that are waited for anyway
  CHECK(s.answer(s.put("k1", "y", cache_reach::l1)) == "done");
  s.l2_link->up(s.l2);
  s.l2.at_once = true;
  s.advance(60s);
  CHECK(s.memory->unsettled.size() == 0);
  CHECK(s.answer(s.put("more", "x")) == "done");
}

TEST_CASE("many puts are answered together, with the first error") {
  one_level s;
  s.core().put(cache_put_many{{{"a", blob{"1"}}, {"b", blob{"2"}}}}, time_point::max(), 99);
  s.l2.answer();
  CHECK(s.answer(99) == "pending");
  SECTION("all are done") {
    s.l2.answer();
    CHECK(s.answer(99) == "done");
  }
  SECTION("one is not") {
    s.l2.fail();
    CHECK(s.answer(99) == "connection_lost");
    CHECK(s.in_l1("a") == "1");
    CHECK_FALSE(s.in_l1("b"));
  }
}

TEST_CASE("a fill of which nobody knows whether it has come about is removed again") {
  one_level s;
  s.register_loader("p");
  s.load("p:1");
  s.l2.answer();
  s.loader_says("abc");
  auto code = GENERATE(errc::in_doubt, errc::connection_lost);
  s.l2.fail(code);
  CHECK(s.in_l1("p:1") == "abc");
  s.advance(1s);
  CHECK(s.l2.pending().size() == (code == errc::in_doubt ? 1 : 0));
}

TEST_CASE("a read that began behind an answered erasure is not answered with what was before") {
  two_levels s;
  s.l3.content["k"] = s.stored("old", {1, 1});
  CHECK(s.answer(s.erase("k", cache_reach::l1)) == "false");
  // given a read that sees the third level before the erasure has come there
  auto read = s.get("k");
  s.l2.answer();
  s.l2.fail(errc::deadline_exceeded);
  REQUIRE(s.l3.pending() == std::vector<std::string>{"write k", "read k"});
  auto old = s.l3.content;
  s.l3.answer(0);
  // and is cut off by the next one
  s.erase("k", cache_reach::l1);
  s.l2.answer_all();
  s.l3.answer(1);
  CHECK(s.memory->unsettled.size() == 0);
  s.l3.content = old;
  s.l3.answer(0);
  CHECK(s.answer(read) == "none");
}

TEST_CASE("an answered write does not become newer than what others have written since") {
  two_levels s;
  auto token = s.put("k", "ours");
  s.l2.answer();
  CHECK(s.answer(token) == "done");
  // given another process that erases the key before the write has come to the third level
  stored_value gone;
  gone.kind = stored_kind::tombstone;
  gone.vers = {1, s.l2.content.at("k").vers.sequence + 1000};
  s.l2.content["k"] = s.l3.content["k"] = gone;
  s.l3.answer();
  CHECK(s.l3.pending().empty());
  CHECK(s.l3.content.at("k") == gone);
}

TEST_CASE("what L3 has is not believed if L2 has heard of something newer") {
  two_levels s;
  s.l3.content["k"] = s.stored("old", {1, 1});
  s.l2.content["k"] = s.stored("", {1, 2});
  s.l2.content["k"].kind = stored_kind::tombstone;
  auto read = s.get("k");
  s.l2.answer();
  s.l3.answer();
  CHECK(s.answer(read) == "none");
}

TEST_CASE("what is removed since it did not arrive takes nothing newer with it") {
  one_level s;
  auto failed = s.put("k", "ours", cache_reach::l1);
  s.l2.fail();
  CHECK(s.answer(failed) == "done");
  // given another process that writes the key meanwhile
  s.advance(500ms);
  auto theirs =
      s.stored("theirs", {1, static_cast<uint64_t>(s.wall().time_since_epoch().count()) * 1000});
  s.l2.content["k"] = theirs;
  s.advance(500ms);
  REQUIRE(s.l2.pending() == std::vector<std::string>{"write k"});
  s.l2.answer();
  CHECK(s.l2.content.at("k") == theirs);
  CHECK(s.memory->unsettled.size() == 0);
}

TEST_CASE("keys that a level which is away has not heard of do not hold up those of another") {
  two_levels s;
  s.l3_link->down();
  for (auto i = 0; i < 2000; ++i)
    s.put("k" + std::to_string(i), "x");
  s.l2.answer_all();
  for (auto i = 0; i < 20; ++i) {
    s.put("late" + std::to_string(i), "x", cache_reach::l1);
    s.l2.fail();
  }
  s.advance(1s);
  CHECK(s.l2.calls.size() == 20);
}

TEST_CASE("a write with the version that another process has given is not lost") {
  one_level s;
  s.core();
  auto same = static_cast<uint64_t>(s.wall().time_since_epoch().count()) * 1000;
  s.l2.content["k"] = s.stored("theirs", {1, same});
  auto erases = GENERATE(false, true);
  auto token = erases ? s.erase("k") : s.put("k", "ours");
  CHECK(s.l2.calls.at(0).content.vers == version{1, same});
  s.l2.answer_all();
  CHECK(s.answer(token) == (erases ? "true" : "done"));
  auto read = s.get("k");
  s.l2.answer();
  CHECK(s.answer(read) == (erases ? "none" : "l2 ours"));
}

TEST_CASE("a level that has a write is believed, whatever another one is still to be told") {
  two_levels s;
  auto put = s.put("k", "abc", cache_reach::l1);
  s.l2.fail();
  s.l3.answer();
  s.advance(1s);
  s.l2.fail(); // the removal
  s.memory->l1.erase("k");
  auto read = s.get("k");
  s.l2.fail();
  s.l3.answer();
  CHECK(s.answer(put) == "done");
  CHECK(s.answer(read) == "l3 abc");
}

TEST_CASE("no write gets the version of a removal") {
  one_level s;
  s.core();
  // given a clock that is behind what it has seen
  s.memory->versions.observe({1, 1'900'000'000'000'000});
  s.put("k", "old", cache_reach::l1);
  s.l2.fail();
  s.advance(1s);
  auto removal = s.l2.calls.at(0).content.vers;
  auto token = s.put("k", "new");
  CHECK(s.l2.calls.at(1).content.vers > removal);
  s.l2.answer_all();
  CHECK(s.answer(token) == "done");
  CHECK(s.l2.content.at("k").value.view() == "new");
}
