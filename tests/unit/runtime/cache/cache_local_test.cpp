// Namespaces that memory of one process alone has.
#include "unit/runtime/cache/core_scene.hpp"

using namespace dbs;
using namespace dbs::cache;
using namespace dbs::cache::test;

namespace {

struct local_scene : two_levels {
  explicit local_scene(namespace_options options = {}) {
    options.node_local = true;
    options.ttl = 100s;
    register_loader("p", std::move(options));
  }

  bool nobody_asked() const { return l2.calls.empty() && l3.calls.empty(); }
};

cache_load_function saying(std::string_view value) {
  return [value](const std::string&) -> caf::expected<cache_loaded> {
    return cache_loaded{true, blob{value}, {}, {}};
  };
}

/// What the loader finds that was called.
std::string run(const load_call& call) {
  return std::string{std::get<load_function>(call.how)(call.key)->value.view()};
}

} // namespace

TEST_CASE("no level hears of a namespace that is node_local") {
  local_scene s;
  CHECK(s.answer(s.put("p:1", "abc", cache_reach::l3)) == "done");
  CHECK(s.in_l1("p:1") == "abc");
  CHECK(s.answer(s.erase("p:1", cache_reach::l3)) == "true");
  CHECK(s.answer(s.get("p:1")) == "none");
  s.put("p:2", "abc");
  CHECK(s.answer(s.invalidate(cache_scope::prefix, "p:")) == "done");
  CHECK_FALSE(s.in_l1("p:2"));
  CHECK(s.nobody_asked());
  CHECK(s.memory->unsettled.size() == 0);
}

TEST_CASE("a prefix that others may have, too, goes to the levels") {
  local_scene s;
  s.put("p:1", "abc");
  auto all = s.invalidate(cache_scope::prefix, "p");
  CHECK_FALSE(s.in_l1("p:1"));
  CHECK(s.answer(all) == "pending");
  s.l2.answer_all();
  s.l3.answer_all();
  CHECK(s.answer(all) == "done");
}

TEST_CASE("what is node_local is put though too many keys wait for a level that is away") {
  local_scene s;
  s.l2_link->down();
  for (size_t i = 0; i < unsettled_writes::max_keys; ++i)
    s.put("k" + std::to_string(i), "abc", cache_reach::l1);
  CHECK(s.answer(s.put("k", "abc", cache_reach::l1)) == "overloaded");
  CHECK(s.answer(s.put("p:1", "abc")) == "done");
}

TEST_CASE("what is node_local and too large for memory is refused") {
  local_scene s;
  s.put("p:1", "old");
  auto too_large = std::string(3 << 20, 'x');
  CHECK(s.answer(s.put("p:1", too_large)) == "payload_too_large");
  CHECK_FALSE(s.in_l1("p:1"));
  CHECK(s.memory->unsettled.size() == 0);
  s.advance(2s);
  CHECK(s.nobody_asked());
}

TEST_CASE("a miss of what is node_local counts once") {
  local_scene s;
  s.load("p:1");
  s.loader_says("abc");
  s.load("p:1");
  CHECK(s.memory->l1.stats().hits == 0);
  CHECK(s.memory->l1.stats().misses == 0); // whoever asks has looked, and counted, before
}

TEST_CASE("what is node_local is fresh in memory for its own time") {
  local_scene s;
  auto first = s.load("p:1");
  s.loader_says("abc");
  CHECK(s.answer(first) == "loader abc");
  s.advance(s.settings.l1_ttl * 2);
  CHECK(s.in_l1("p:1") == "abc");
  s.advance(100s);
  CHECK_FALSE(s.in_l1("p:1"));
  s.load("p:1");
  CHECK(s.loads.size() == 1);
  CHECK(s.nobody_asked());
}

TEST_CASE("who has looked before a node_local value was loaded gets it from memory") {
  local_scene s;
  auto first = s.load("p:1");
  s.loader_says("abc");
  CHECK(s.answer(s.load("p:1")) == "l1 abc");
  CHECK(s.answer(s.get("p:1")) == "l1 abc");
  CHECK(s.answer(first) == "loader abc");
  CHECK(s.loads.empty());
}

TEST_CASE("a node_local value is served past its time as any other") {
  namespace_options options;
  options.stale_while_revalidate = 10s;
  options.stale_on_error = 60s;
  local_scene s{options};
  s.load("p:1");
  s.loader_says("abc");
  s.advance(105s);
  CHECK(s.answer(s.load("p:1")) == "l1 stale abc");
  CHECK(s.loads.size() == 1);
  s.loader_fails();
  s.advance(10s);
  auto late = s.load("p:1");
  CHECK(s.answer(late) == "pending");
  s.loader_fails();
  CHECK(s.answer(late) == "l1 stale abc");
  s.advance(50s);
  auto too_late = s.load("p:1");
  s.loader_fails();
  CHECK(s.answer(too_late) == "query_failed");
}

TEST_CASE("many keys, some of which are node_local, have each their answer") {
  local_scene s;
  s.put("p:1", "here");
  s.l2.content["k"] = s.stored("there", {1, 1});
  auto all = s.mget({"p:1", "k", "p:2"});
  CHECK(s.l2.pending() == std::vector<std::string>{"read k"});
  s.l2.answer();
  CHECK(s.answer(all) == "l1 here, l2 there, none");
}

TEST_CASE("one call may bring its own loader") {
  local_scene s;
  auto a = s.load_with("p:1", saying("mine"));
  auto b = s.load_with("p:1", saying("another's"));
  auto c = s.load("p:1");
  REQUIRE(s.loads.size() == 1);
  CHECK(run(s.loads[0]) == "mine");
  s.loader_says("mine");
  for (auto x : {a, b, c})
    CHECK(s.answer(x) == "loader mine");
  CHECK(s.in_l1("p:1") == "mine");
  // the next call has none
  s.erase("p:1");
  s.load("p:1");
  CHECK(std::holds_alternative<sql_loader>(s.take_load().how));
}

TEST_CASE("a loader of one call goes with it") {
  local_scene s;
  auto holds = std::make_shared<int>();
  s.load_with("p:1",
              [holds](const std::string&) { return caf::expected<cache_loaded>{cache_loaded{}}; });
  s.loader_says("abc");
  CHECK(holds.use_count() == 1);
}

TEST_CASE("a loader of one call is run again if what it found was cut off") {
  local_scene s;
  s.load_with("p:1", saying("old"));
  s.invalidate(cache_scope::tag, "t");
  s.l2.answer_all();
  s.l3.answer_all();
  auto behind = s.load("p:1");
  cache_loaded what{true, blob{"old"}, {}, {"t"}};
  s.core().loaded(s.take_load().token, std::move(what));
  CHECK(s.answer(behind) == "pending");
  CHECK(run(s.take_load()) == "old");
}

TEST_CASE("a loader of one call is refused where others have the key, too") {
  local_scene s;
  s.register_loader("q");
  CHECK(s.answer(s.load_with("q:1", saying("x"))) == "invalid_argument");
  CHECK(s.answer(s.load_with("nobody:1", saying("x"))) == "invalid_argument");
  CHECK(s.answer(s.load_with("p:1", {})) == "invalid_argument");
  CHECK(s.answer(s.load_with("", saying("x"))) == "invalid_argument");
  CHECK(s.loads.empty());
  CHECK(s.nobody_asked());
}

TEST_CASE("what is node_local is in no table") {
  namespaces names;
  namespace_options options;
  options.node_local = options.in_l3 = true;
  CHECK(names.add("p", options) == errc::invalid_argument);
}
