#include "dbs/testing/scripted/scripted_cache.hpp"

#include "dbs/messages/error_detail.hpp"

#include <caf/event_based_actor.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using namespace dbs;
using namespace dbs::testing;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using journal = std::vector<std::string>;

namespace {

struct fixture : actor_fixture {
  template <class T, class Verb, class... Ts>
  pending_answer<T> send(Verb verb, Ts... what) {
    auto result = request<T>(cache.actor(), verb, context, std::move(what)...);
    run();
    return result;
  }

  template <class T, class Verb, class... Ts>
  caf::expected<T> call(Verb verb, Ts... what) {
    return send<T>(verb, std::move(what)...).get();
  }

  caf::expected<cache_value> get(const std::string& key) {
    return call<cache_value>(get_atom_v, cache_get{key});
  }

  call_context context;
  scripted_cache cache{*this};
};

std::string text(const cache_value& x) {
  return x.found ? std::string{x.value.view()} : "nothing";
}

} // namespace

// -- calls ---------------------------------------------------------------------------

TEST_CASE_METHOD(fixture, "a scripted cache answers what the test says") {
  cache.expect_get("product:7").answer(cached("lamp"));
  cache.expect_get("product:8");
  auto found = get("product:7");
  REQUIRE(found);
  CHECK(text(*found) == "lamp");
  CHECK(found->source == cache_source::l2);
  CHECK(text(*get("product:8")) == "nothing");
  cache.verify();
  CHECK(cache.journal() == journal{"get product:7", "get product:8"});
}

TEST_CASE_METHOD(fixture, "its client asks it as the real one") {
  cache.expect_get("a").answer(cached("1"));
  cache.expect_get_or_load("b").fail(fail(errc::query_failed, "no such table"));
  cache.expect_exists("c").answer(cached(""));
  cache.expect_mget({"a", "b"}).answer(std::vector<cache_value>{cached("1"), {}});
  cache.expect_mget_or_load({"c"});
  cache.expect_set("d", "4");
  cache.expect_mset({{"e", blob{"5"}}, {"f", blob{"6"}}});
  cache.expect_erase("g").answer(true);
  cache.expect_erase("h", cache_reach::l3);
  cache.expect_invalidate_prefix("product:");
  cache.expect_invalidate_tag("shop");
  cache_stats figures;
  figures.puts = 9;
  cache.expect_get_stats().answer(figures);
  cache.expect_tune({2000, false}).answer(cache_sizes{2000, 0, 0, 0, {}});
  cache.expect_get_or_load("i").answer(cached("scripted"));
  std::vector<std::string> seen;
  auto see = [&seen](std::string what) { seen.push_back(std::move(what)); };
  auto wrong = [&see](const caf::error& why) { see(to_string(static_cast<errc>(why.code()))); };
  auto caller = sys().spawn([&](caf::event_based_actor* self) {
    auto client = cache.client();
    client.get(self, "a").then([=](const cache_value& x) { see(text(x)); }, wrong);
    client.get_or_load(self, "b").then([=](const cache_value& x) { see(text(x)); }, wrong);
    client.exists(self, "c").then([=](bool x) { see(x ? "there" : "not there"); }, wrong);
    auto see_all = [=](const std::vector<cache_value>& all) {
      for (auto& x : all)
        see(text(x));
    };
    client.mget(self, {"a", "b"}).then(see_all, wrong);
    client.mget_or_load(self, {"c"}).then(see_all, wrong);
    client.set(self, "d", "4").then([=] { see("set"); }, wrong);
    client.mset(self, {{"e", blob{"5"}}, {"f", blob{"6"}}}).then([=] { see("set"); }, wrong);
    client.erase(self, "g").then([=](bool x) { see(x ? "was there" : "was not"); }, wrong);
    client.invalidate(self, "h").then([=](bool x) { see(x ? "was there" : "was not"); }, wrong);
    client.clear(self, "product").then([=] { see("cleared"); }, wrong);
    client.invalidate_tag(self, "shop").then([=] { see("gone"); }, wrong);
    client.get_stats(self).then([=](const cache_stats& x) { see(std::to_string(x.puts)); }, wrong);
    client.increase_l1_size(self, 2000)
        .then([=](const cache_sizes& x) { see(std::to_string(x.l1_size)); }, wrong);
    auto never = [](const std::string&) -> caf::expected<cache_loaded> {
      return fail(errc::query_failed, "a loader is not for scripts");
    };
    client.get_or_load(self, "i", never).then([=](const cache_value& x) { see(text(x)); }, wrong);
  });
  run();
  cache.verify();
  CHECK(seen == journal{"1", "query_failed", "there", "1", "nothing", "nothing", "set", "set",
                        "was there", "was not", "cleared", "gone", "9", "2000", "scripted"});
}

TEST_CASE_METHOD(fixture, "a write is compared with all that it says") {
  cache_put what{"k", blob{"v"}, 90s, {"a", "b"}, cache_reach::l3};
  cache.expect_set(what);
  auto other = what;
  other.tags = {"a"};
  CHECK(call<void>(put_atom_v, other).error() == errc::invalid_argument);
  CHECK(call<void>(put_atom_v, what));
  CHECK(cache.journal() == journal{"set k = 'v' for 90s, tags a, reach l3",
                                   "set k = 'v' for 90s, tags a, b, reach l3"});
  cache_put nothing;
  nothing.key = "k";
  nothing.negative = true;
  cache.expect_set(nothing);
  CHECK(call<void>(put_atom_v, nothing));
  CHECK(cache.journal().back() == "set k = nothing, reach l2");
}

TEST_CASE_METHOD(fixture, "what is not expected is refused, and what does not come is named") {
  cache.expect_get("a");
  auto complaint = "not expected: get b; expected: get a";
  auto refused = get("b");
  CHECK(refused.error() == errc::invalid_argument);
  CHECK(detail(refused.error()).what == complaint);
  CHECK_THROWS_WITH(cache.verify(), ContainsSubstring(complaint));
  CHECK_THROWS_WITH(cache.verify(), ContainsSubstring("did not come: get a"));
}

TEST_CASE_METHOD(fixture, "its memory is empty: nothing is found without asking") {
  std::string value;
  CHECK(!cache.client().find("a", value));
  cache.expect_set("a", "1");
  CHECK(call<void>(put_atom_v, cache_put{"a", blob{"1"}}));
  CHECK(!cache.client().find("a", value));
}

TEST_CASE_METHOD(fixture, "docs/testing.md: a cache that does what the test says") {
  cache.expect_get("product:7").answer(dbs::testing::cached("lamp"));
  cache.expect_get("product:8").after(200ms); // is not there, which takes its time
  cache.expect_set("product:8", "chair");
  cache.expect_erase("product:7").fail(dbs::fail(dbs::errc::in_doubt, "the connection broke"));
  CHECK(text(*get("product:7")) == "lamp");
  auto late = send<cache_value>(get_atom_v, cache_get{"product:8"});
  advance(200ms);
  CHECK(text(*late.get()) == "nothing");
  CHECK(call<void>(put_atom_v, cache_put{"product:8", blob{"chair"}}));
  CHECK(call<bool>(erase_atom_v, cache_erase{"product:7"}).error() == errc::in_doubt);
  cache.verify();
}

// -- time ----------------------------------------------------------------------------

TEST_CASE_METHOD(fixture, "an answer of the cache may take virtual time, up to the deadline") {
  cache.expect_get("late").after(200ms).answer(cached("x"));
  auto late = send<cache_value>(get_atom_v, cache_get{"late"});
  advance(199ms);
  CHECK(!late.answered());
  advance(1ms);
  CHECK(text(*late.get()) == "x");
  cache.expect_get("silent").stay_silent();
  context = call_context::within(now(), 2s);
  auto silent = send<cache_value>(get_atom_v, cache_get{"silent"});
  advance(2s - 1ms);
  CHECK(!silent.answered());
  advance(1ms);
  CHECK(silent.get().error() == errc::deadline_exceeded);
}

TEST_CASE_METHOD(fixture, "an answer of another type than the call's is an error that says so") {
  cache.expect_erase("a").answer(cached("x"));
  auto wrong = call<bool>(erase_atom_v, cache_erase{"a"});
  REQUIRE(!wrong);
  CHECK_THAT(describe(wrong.error()), ContainsSubstring("another type"));
}
