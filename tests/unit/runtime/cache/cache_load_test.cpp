#include "unit/runtime/cache/core_scene.hpp"

using namespace dbs;
using namespace dbs::cache;
using namespace dbs::cache::test;

TEST_CASE("what no level has is loaded once for all who wait, and kept") {
  one_level s;
  s.register_loader("p");
  std::vector<request_token> all;
  for (auto i = 0; i < 10'000; ++i)
    all.push_back(s.load("p:1"));
  s.l2.answer();
  REQUIRE(s.loads.size() == 1);
  CHECK(s.loads[0].key == "p:1");
  CHECK(s.loads[0].deadline == s.now() + 10s);
  s.loader_says("abc");
  for (auto token : all)
    CHECK(s.answer(token) == "loader abc");
  CHECK(s.in_l1("p:1") == "abc");
  s.l2.answer();
  CHECK(s.l2.content.at("p:1").value.view() == "abc");
  CHECK(s.l2.content.at("p:1").soft == s.wall() + 300s);
  CHECK(s.memory->counts.loads == 1);
  CHECK(s.answered_twice == 0);
}

TEST_CASE("a namespace that is loaded has no third level unless it says so") {
  two_levels s;
  auto in_l3 = GENERATE(false, true);
  namespace_options options;
  options.in_l3 = in_l3;
  s.register_loader("p", options);
  s.load("p:1");
  s.l2.answer();
  CHECK(s.l3.pending().size() == (in_l3 ? 1 : 0));
  s.l3.answer_all();
  s.loader_says("abc");
  CHECK(s.l3.pending() ==
        (in_l3 ? std::vector<std::string>{"fill p:1"} : std::vector<std::string>{}));
}

TEST_CASE("whoever does not want it loaded is not kept waiting") {
  one_level s;
  s.register_loader("p");
  auto plain = s.get("p:1");
  auto load = s.load("p:1");
  s.l2.answer();
  CHECK(s.answer(plain) == "none");
  CHECK(s.answer(s.get("p:1")) == "none");
  CHECK(s.answer(load) == "pending");
  s.loader_says("abc");
  CHECK(s.answer(load) == "loader abc");
}

TEST_CASE("a waiter that gives up leaves the load to the others") {
  one_level s;
  s.register_loader("p");
  auto first = s.load("p:1", s.now() + 1s);
  auto second = s.load("p:1");
  s.l2.answer();
  s.advance(1s);
  CHECK(s.answer(first) == "deadline_exceeded");
  s.loader_says("abc");
  CHECK(s.answer(second) == "loader abc");
  CHECK(s.answered_twice == 0);
}

TEST_CASE("what was loaded for nobody any more is kept") {
  one_level s;
  s.register_loader("p");
  s.load("p:1", s.now() + 1s);
  s.l2.answer();
  s.advance(2s);
  s.loader_says("abc");
  CHECK(s.in_l1("p:1") == "abc");
}

TEST_CASE("a loader that fails, or hangs, fails all who wait, and the next one is called") {
  one_level s;
  s.register_loader("p");
  auto first = s.load("p:1");
  auto second = s.load("p:1");
  s.l2.answer();
  SECTION("it fails") {
    s.loader_fails();
    CHECK(s.answer(first) == "query_failed");
    CHECK(s.answer(second) == "query_failed");
  }
  SECTION("it hangs, and what it says at last means nothing") {
    s.advance(10s);
    CHECK(s.answer(first) == "deadline_exceeded");
    CHECK(s.answer(second) == "deadline_exceeded");
    s.loader_says("late");
    CHECK_FALSE(s.in_l1("p:1"));
  }
  CHECK(s.memory->counts.load_errors == 1);
  auto third = s.load("p:1");
  s.l2.answer();
  s.loader_says("abc");
  CHECK(s.answer(third) == "loader abc");
  CHECK(s.answered_twice == 0);
}

TEST_CASE("a loader that answers at once is no different") {
  one_level s;
  s.settings.max_loads = 1;
  s.register_loader("p");
  s.l2.at_once = true;
  s.on_load = [&s](load_token token) { s.core().loaded(token, cache_loaded{true, blob{"abc"}}); };
  CHECK(s.answer(s.mget({"p:1", "p:2", "p:3"}, true)) == "loader abc, loader abc, loader abc");
  s.on_load = [&s](load_token token) {
    s.core().loaded(token, fail(errc::overloaded, "scripted"));
  };
  CHECK(s.answer(s.mget({"p:4", "p:5", "p:6"}, true)) == "overloaded");
}

TEST_CASE("what a loader must not say is refused") {
  one_level s;
  s.settings.max_value_bytes = 3;
  s.register_loader("p");
  auto token = s.load("p:1");
  s.l2.answer();
  s.loader_says("abcd");
  CHECK(s.answer(token) == "payload_too_large");
  CHECK_FALSE(s.in_l1("p:1"));
}

TEST_CASE("only so many loaders run at a time, and only so many wait") {
  one_level s;
  s.settings.max_loads = 2;
  s.max_queued = 1;
  s.register_loader("p");
  auto all = std::vector{s.load("p:1"), s.load("p:2"), s.load("p:3"), s.load("p:4")};
  s.l2.answer_all();
  CHECK(s.loads.size() == 2);
  CHECK(s.answer(all[3]) == "overloaded");
  s.loader_says("1", "p:1");
  CHECK(s.loads.size() == 2);
  s.loader_says("3", "p:3");
  s.loader_says("2", "p:2");
  CHECK(s.answer(all[0]) == "loader 1");
  CHECK(s.answer(all[1]) == "loader 2");
  CHECK(s.answer(all[2]) == "loader 3");
}

TEST_CASE("a load that nobody waits for any more does not begin") {
  one_level s;
  s.settings.max_loads = 1;
  s.register_loader("p");
  s.load("p:1");
  auto late = s.load("p:2", s.now() + 1s);
  s.l2.answer_all();
  s.advance(1s);
  CHECK(s.answer(late) == "deadline_exceeded");
  s.loader_says("1");
  CHECK(s.loads.empty());
  // and the next one who asks is not tied to it
  auto again = s.load("p:2");
  s.l2.answer(1);
  s.loader_says("2");
  CHECK(s.answer(again) == "loader 2");
}

TEST_CASE("that there is nothing is remembered for negative_ttl") {
  one_level s;
  auto ttl = GENERATE(caf::timespan{30s}, caf::timespan{0s});
  namespace_options options;
  options.negative_ttl = ttl;
  s.register_loader("p", options);
  auto first = s.load("p:1");
  s.l2.answer();
  s.loader_says(std::nullopt);
  CHECK(s.answer(first) == "loader");
  CHECK(s.in_l1("p:1").has_value() == (ttl > 0s));
  s.l2.answer_all();
  CHECK(s.l2.content.contains("p:1") == (ttl > 0s));
}

TEST_CASE("past its time a value is served at once, and loaded anew behind it") {
  one_level s;
  namespace_options options;
  options.stale_while_revalidate = 60s;
  s.register_loader("p", options);
  auto old = s.stored("old", {1, 1}, 1s);
  old.hard = old.soft + 60s;
  s.l2.content["p:1"] = old;
  s.advance(30s);
  auto first = s.load("p:1");
  s.l2.answer();
  CHECK(s.answer(first) == "l2 stale old");
  REQUIRE(s.loads.size() == 1);
  // while it is loaded, others get the same at once
  auto second = s.load("p:1");
  CHECK(s.answer(second) == "l2 stale old");
  s.loader_says("new");
  CHECK(s.in_l1("p:1") == "new");
  CHECK(s.loads.empty());
  // and Redis has it, in the place of the old one
  s.l2.answer();
  CHECK(s.l2.content.at("p:1").value.view() == "new");
  CHECK(s.l2.content.at("p:1").hard == s.wall() + 360s);
}

TEST_CASE("beyond its window a stale value waits for the loader") {
  one_level s;
  namespace_options options;
  options.stale_while_revalidate = 10s;
  options.stale_on_error = 60s;
  s.register_loader("p", options);
  auto old = s.stored("old", {1, 1}, 1s);
  old.hard = old.soft + 60s;
  s.l2.content["p:1"] = old;
  s.advance(11s);
  auto plain = s.get("p:1");
  auto first = s.load("p:1", s.now() + 5s);
  auto second = s.load("p:1");
  s.l2.answer();
  CHECK(s.answer(plain) == "l2 stale old");
  CHECK(s.answer(first) == "pending");
  SECTION("a late one is served what is stale") {
    s.advance(5s);
    CHECK(s.answer(first) == "l2 stale old");
    CHECK(s.answer(second) == "pending");
  }
  SECTION("as are all when it fails") {
    s.loader_fails();
    CHECK(s.answer(first) == "l2 stale old");
    CHECK(s.answer(second) == "l2 stale old");
  }
  SECTION("but not beyond its end") {
    s.advance(4s);
    s.core();
    s.l2.content["p:1"].hard = s.wall();
    s.loader_says("new");
    CHECK(s.answer(second) == "loader new");
  }
}

TEST_CASE("a load that races an erasure is answered, and kept nowhere") {
  one_level s;
  s.register_loader("p");
  auto before = s.load("p:1");
  s.l2.answer();
  auto how = GENERATE(0, 1, 2);
  auto erased = how == 0   ? s.erase("p:1")
                : how == 1 ? s.invalidate(cache_scope::prefix, "p:")
                           : s.put("p:1", "new");
  s.loader_says("old");
  CHECK(s.answer(before) == "loader old");
  CHECK(s.in_l1("p:1") == (how == 2 ? std::optional<std::string>{"new"} : std::nullopt));
  // nothing is to be filled
  CHECK(s.l2.calls.size() == 1);
  s.l2.answer();
  CHECK(s.answer(erased) == (how == 0 ? "false" : "done"));
  CHECK(s.memory->counts.discarded == 1);
  // who asks behind the erasure is not tied to the load that began before it
  auto behind = s.load("p:1");
  if (how != 2) {
    CHECK(s.l2.pending() == std::vector<std::string>{"read p:1"});
    s.l2.answer();
    s.loader_says("new");
    CHECK(s.answer(behind) == "loader new");
    CHECK(s.in_l1("p:1") == "new");
  }
}

TEST_CASE("nobody who asks behind an erasure joins what began before") {
  one_level s;
  s.register_loader("p");
  auto before = s.load("p:1");
  s.l2.answer();
  auto erased = s.erase("p:1");
  auto between = s.load("p:1");
  s.l2.answer(0); // the erasure
  CHECK(s.answer(erased) == "false");
  // It was asked for before the erasure was answered, and may be older than that.
  auto behind = s.load("p:1");
  CHECK(s.l2.pending() == std::vector<std::string>{"read p:1", "read p:1"});
  s.l2.answer_all();
  CHECK(s.loads.size() == 3);
  s.loader_says("1");
  s.loader_says("2");
  CHECK_FALSE(s.in_l1("p:1"));
  s.loader_says("3");
  CHECK(s.answer(before) == "loader 1");
  CHECK(s.answer(between) == "loader 2");
  CHECK(s.answer(behind) == "loader 3");
  CHECK(s.in_l1("p:1") == "3");
}

TEST_CASE("a fill that comes behind somebody else's write takes back what memory has") {
  one_level s;
  s.register_loader("p");
  s.load("p:1");
  s.l2.answer();
  s.loader_says("old");
  CHECK(s.in_l1("p:1") == "old");
  // given another process that removes the key before the fill is there
  stored_value gone;
  gone.kind = stored_kind::tombstone;
  gone.vers = {1, static_cast<uint64_t>(s.wall().time_since_epoch().count()) * 1000 + 500'000};
  s.l2.content["p:1"] = gone;
  s.l2.answer();
  CHECK(s.l2.content.at("p:1") == gone);
  CHECK_FALSE(s.in_l1("p:1"));
}

TEST_CASE("a load that races the erasure of one of its tags is for those who had asked before") {
  one_level s;
  s.register_loader("p");
  auto before = s.load("p:1");
  s.l2.answer();
  auto tag = GENERATE("red", "blue");
  auto is_meant = std::string{tag} == "red";
  s.invalidate(cache_scope::tag, tag);
  auto behind = s.load("p:1");
  // it joins, since nobody knows yet which tags there will be
  CHECK(s.l2.pending() == std::vector<std::string>{"erase_tag " + std::string{tag}});
  s.l2.answer();
  cache_loaded old{true, blob{"old"}};
  old.tags = {"red"};
  s.core().loaded(s.take_load().token, std::move(old));
  CHECK(s.answer(before) == "loader old");
  CHECK(s.in_l1("p:1") == (is_meant ? std::nullopt : std::optional<std::string>{"old"}));
  if (is_meant) {
    CHECK(s.answer(behind) == "pending");
    s.loader_says("new");
    CHECK(s.answer(behind) == "loader new");
    CHECK(s.in_l1("p:1") == "new");
  } else {
    CHECK(s.answer(behind) == "loader old");
  }
}

TEST_CASE("a load that is cut off behind the erasure of a tag is not for those who asked between") {
  one_level s;
  s.register_loader("p");
  auto before = s.load("p:1");
  s.l2.answer();
  s.invalidate(cache_scope::tag, "red");
  auto between = s.load("p:1");
  s.erase("p:1");
  cache_loaded old{true, blob{"old"}};
  old.tags = {"red"};
  s.core().loaded(s.take_load().token, std::move(old));
  CHECK(s.answer(before) == "loader old");
  CHECK(s.answer(between) == "pending");
  s.loader_says("new");
  CHECK(s.answer(between) == "loader new");
  // of what was detached nothing is kept
  CHECK_FALSE(s.in_l1("p:1"));
}

TEST_CASE("what is stale is not served behind the erasure of one of its tags") {
  one_level s;
  namespace_options options;
  options.stale_while_revalidate = options.stale_on_error = 60s;
  s.register_loader("p", options);
  auto old = s.stored("old", {1, 1}, 1s);
  old.hard = old.soft + 60s;
  old.tags = {"red"};
  s.l2.content["p:1"] = old;
  s.advance(2s);
  auto before = s.load("p:1");
  s.l2.answer();
  CHECK(s.answer(before) == "l2 stale old");
  s.invalidate(cache_scope::tag, "red");
  auto behind = s.load("p:1", s.now() + 1s);
  auto last = s.load("p:1");
  auto plain = s.get("p:1");
  CHECK(s.answer(behind) == "pending");
  CHECK(s.answer(plain) == "none");
  s.advance(1s);
  CHECK(s.answer(behind) == "deadline_exceeded");
  s.loader_fails();
  CHECK(s.answer(last) == "query_failed");
}
