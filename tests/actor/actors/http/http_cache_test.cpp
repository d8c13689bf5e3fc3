// Administration of the cache, and its health.
#include "actor/actors/http/http_fixture.hpp"

#include <limits>
#include <vector>

using namespace dbs;
using namespace dbs::tests;
using namespace std::chrono_literals;
using dbs::testing::cached;

namespace {

struct fixture : http_fixture {
  /// The node's L1, where the cache is a script.
  void give_memory() {
    cache_settings settings;
    settings.l1_mib = 1;
    memory = std::make_shared<dbs::cache::cache_memory>(settings);
    options.cache = cache_client{cache.actor(), memory};
  }

  void expect_rounds(size_t rounds, caf::timespan each) {
    cache_put what{"test_key", blob{"test_value"}, 60s};
    what.reach = cache_reach::l1;
    for (size_t i = 0; i < rounds; ++i)
      cache.expect_set(what).after(each);
    cache.expect_erase("test_key", cache_reach::l1);
  }

  /// Sends a request that takes virtual time, and lets that pass.
  http_test::answer post_and_wait(std::string_view path, std::string_view body) {
    auto client = over_unix();
    client.send(post(path, body));
    auto before = cache.journal().size();
    REQUIRE(until([&] { return cache.journal().size() > before; }));
    advance(20s);
    return answer_of(client);
  }

  std::shared_ptr<dbs::cache::cache_memory> memory;
};

} // namespace

// -- health --------------------------------------------------------------------------

TEST_CASE_METHOD(fixture, "/health/cache has the runbook's figures, and null for what is unknown") {
  health->components.push_back({"cache",
                                health_status::degraded,
                                "cache.l2 is degraded",
                                {{"l1_hit_rate", 0.97},
                                 {"l2_hit_rate", 0.5},
                                 {"warming_accuracy", std::numeric_limits<double>::quiet_NaN()},
                                 {"l1.hits", int64_t{97}}}});
  health->components[0].status = health_status::unhealthy;
  start_well();
  auto answer = get("/health/cache");
  CHECK(answer.status == 200);
  CHECK(json(answer)["status"] == "degraded");
  CHECK(json(answer)["l1_hit_rate"] == 0.97);
  CHECK(json(answer)["l2_hit_rate"] == 0.5);
  CHECK(json(answer)["warming_accuracy"].is_null());
  CHECK(json(answer)["l1"]["hits"] == 97);
  // the failure of one hides no other
  auto all = json(get("/health/database-services"));
  CHECK(all["cache"]["status"] == "degraded");
  CHECK(all["database"]["status"] == "unhealthy");
}

// -- entries -------------------------------------------------------------------------

TEST_CASE_METHOD(fixture, "/v1/cache is for the Unix socket alone") {
  start_well();
  CHECK(get("/v1/cache/entry?key=k").status == 403);
  for (auto path : {"set", "delete", "invalidate", "resize-l1", "optimize-l2", "baseline"}) {
    auto client = over_tcp();
    CHECK(ask_over(client, post("/v1/cache/" + std::string{path}, "{}")).status == 403);
  }
  CHECK(cache.journal().empty());
}

TEST_CASE_METHOD(fixture, "/v1/cache/entry shows an entry; one that is not there is no error") {
  cache.expect_get("product:a b").answer(cached("lamp"));
  cache.expect_get_or_load("nobody:1").fail(fail(errc::not_found, "no loader is registered"));
  cache.expect_get("none");
  start_well();
  auto found = admin_get("/v1/cache/entry?key=product%3Aa%20b");
  CHECK(found.status == 200);
  CHECK(json(found)["value"] == "lamp");
  CHECK(json(found)["source"] == "l2");
  auto refused = admin_get("/v1/cache/entry?key=nobody%3A1&load=true");
  CHECK(refused.status == 404);
  CHECK(json(refused)["error"] == "not_found");
  auto none = admin_get("/v1/cache/entry?key=none");
  CHECK(none.status == 200);
  CHECK(json(none)["found"] == false);
  CHECK(admin_get("/v1/cache/entry").status == 400);
  cache.verify();
}

TEST_CASE_METHOD(fixture, "/v1/cache/set and delete hand on what they are given") {
  cache_put what{"k", blob{std::string_view{"\0\xff", 2}}, 1500ms, {"a"}, cache_reach::l3};
  cache.expect_set(what);
  cache.expect_set("big", "x").fail(fail(errc::payload_too_large, "too large"));
  cache.expect_erase("k", cache_reach::l2).answer(true);
  start_well();
  auto stored = admin_post("/v1/cache/set", R"({"key": "k", "value_base64": "AP8=",
                           "ttl_ms": 1500, "tags": ["a"], "reach": "l3"})");
  CHECK(stored.status == 200);
  CHECK(json(stored)["stored"] == true);
  CHECK(admin_post("/v1/cache/set", R"({"key": "big", "value": "x"})").status == 413);
  CHECK(admin_post("/v1/cache/set", "{}").status == 400);
  CHECK(json(admin_post("/v1/cache/delete", R"({"key": "k"})"))["deleted"] == true);
  CHECK(admin_post("/v1/cache/delete", "{}").status == 400);
  cache.verify();
}

TEST_CASE_METHOD(fixture, "/v1/cache/invalidate removes by prefix, by tag, and key by key") {
  cache.expect_invalidate_prefix("product:");
  cache.expect_invalidate_tag("shop");
  cache.expect_erase("a", cache_reach::l3);
  cache.expect_erase("b", cache_reach::l3);
  start_well();
  for (auto body : {R"({"prefix": "product:"})", R"({"tag": "shop"})", R"({"keys": ["a", "b"]})"}) {
    INFO(body);
    auto answer = admin_post("/v1/cache/invalidate", body);
    CHECK(answer.status == 200);
    CHECK(json(answer)["invalidated"] == true);
  }
  CHECK(admin_post("/v1/cache/invalidate", "{}").status == 400);
  cache.verify();
}

TEST_CASE_METHOD(fixture, "keys that could not be invalidated are not passed over") {
  auto away = fail(errc::connection_lost, "redis is not there");
  cache.expect_erase("a", cache_reach::l3);
  cache.expect_erase("b", cache_reach::l3).fail(away);
  cache.expect_erase("c", cache_reach::l3).fail(fail(errc::overloaded, "too many"));
  start_well();
  auto answer = admin_post("/v1/cache/invalidate", R"({"keys": ["a", "b", "c"]})");
  CHECK(answer.status == 503);
  CHECK(json(answer)["error"] == "connection_lost");
  CHECK(json(answer)["fields"] == nlohmann::json{{"key", "b"}, {"failed_keys", 2}});
  cache.verify();
}

TEST_CASE_METHOD(fixture, "a request to the cache may take as long as its client allows") {
  cache.expect_invalidate_prefix("a").after(59s);
  cache.expect_invalidate_prefix("b").stay_silent();
  start_well();
  auto slow = over_unix();
  slow.send(post("/v1/cache/invalidate", R"({"prefix": "a", "timeout_ms": 60000})"));
  auto never = over_unix();
  never.send(post("/v1/cache/invalidate", R"({"prefix": "b", "timeout_ms": 60000})"));
  REQUIRE(until([&] { return cache.journal().size() == 2; }));
  advance(59s);
  CHECK(answer_of(slow).status == 200);
  advance(1s);
  auto late = answer_of(never);
  CHECK(late.status == 504);
  CHECK(json(late)["error"] == "deadline_exceeded");
}

// -- sizes ---------------------------------------------------------------------------

TEST_CASE_METHOD(fixture, "/v1/cache/resize-l1 and optimize-l2 say what is so now") {
  cache.expect_tune({2000, false}).answer(cache_sizes{2000, 0, 0, 0, {}});
  cache.expect_tune({0, false}).fail(fail(errc::invalid_argument, "l1_size is from 1"));
  cache_sizes sizes{1000, 7, 5, 50, 2ms};
  cache.expect_tune({{}, true}).answer(sizes);
  start_well();
  auto resized = admin_post("/v1/cache/resize-l1", R"({"entries": 2000})");
  CHECK(json(resized) == nlohmann::json{{"l1_size", 2000}});
  CHECK(admin_post("/v1/cache/resize-l1", R"({"entries": 0})").status == 400);
  CHECK(admin_post("/v1/cache/resize-l1", R"({"entries": "many"})").status == 400);
  auto optimized = json(admin_post("/v1/cache/optimize-l2", "{}"));
  CHECK(optimized["l2_connections"] == 7);
  CHECK(optimized["l2_response_p95_ms"] == 2.0);
  CHECK(admin_post("/v1/cache/optimize-l2", R"({"more": 1})").status == 400);
  cache.verify();
}

// -- the baseline --------------------------------------------------------------------

TEST_CASE_METHOD(fixture, "/v1/cache/baseline sets, reads and removes its key, and is quick") {
  give_memory();
  memory->l1.put("test_key", "test_value", {});
  expect_rounds(100, 0ms);
  start_well();
  auto answer = json(admin_post("/v1/cache/baseline", "{}"));
  CHECK(answer["passed"] == true);
  CHECK(answer["rounds"] == 100);
  CHECK(answer["misses"] == 0);
  CHECK(answer["l1_ms"]["p50"] == 0.0);
  CHECK(answer["limit_ms"] == 1.0);
  CHECK(cache.journal().back() == "erase test_key, reach l1");
  cache.verify();
}

TEST_CASE_METHOD(fixture, "the baseline fails by a slow cache, and by a delay that was asked for") {
  give_memory();
  memory->l1.put("test_key", "test_value", {});
  expect_rounds(100, 1ms);
  start_well();
  auto slow = json(post_and_wait("/v1/cache/baseline", "{}"));
  CHECK(slow["passed"] == false);
  CHECK(slow["l1_ms"]["p50"] == 1.0);
  // no round begins behind the budget of a second
  expect_rounds(2, 0ms);
  auto delayed = json(post_and_wait("/v1/cache/baseline", R"({"l1_delay_us": 600000})"));
  CHECK(delayed["passed"] == false);
  CHECK(delayed["rounds"] == 2);
  CHECK(delayed["l1_ms"]["p50"] == 600.0);
  // and it was for that request alone
  expect_rounds(100, 0ms);
  CHECK(json(admin_post("/v1/cache/baseline", "{}"))["passed"] == true);
  CHECK(admin_post("/v1/cache/baseline", R"({"l1_delay_us": 1000001})").status == 400);
  cache.verify();
}

TEST_CASE_METHOD(fixture, "the baseline fails if L1 has not what was set") {
  give_memory();
  memory->l1.put("test_key", "of somebody else", {});
  expect_rounds(100, 0ms);
  start_well();
  auto answer = json(admin_post("/v1/cache/baseline", "{}"));
  CHECK(answer["passed"] == false);
  CHECK(answer["misses"] == 100);
  CHECK(answer["l1_ms"]["p50"].is_null());
}

TEST_CASE_METHOD(fixture, "the baseline says why the cache refuses, and leaves no key behind") {
  cache_put what{"test_key", blob{"test_value"}, 60s};
  what.reach = cache_reach::l1;
  cache.expect_set(what).fail(fail(errc::draining, "the cache is shutting down"));
  cache.expect_erase("test_key", cache_reach::l1);
  start_well();
  auto answer = admin_post("/v1/cache/baseline", "{}");
  CHECK(answer.status == 503);
  CHECK(json(answer)["error"] == "draining");
  cache.verify();
}

TEST_CASE_METHOD(fixture, "one baseline is measured at a time") {
  give_memory();
  expect_rounds(1, 1s);
  start_well();
  auto first = over_unix();
  first.send(post("/v1/cache/baseline", "{}"));
  REQUIRE(until([&] { return cache.journal().size() == 1; }));
  auto second = admin_post("/v1/cache/baseline", "{}");
  CHECK(second.status == 503);
  CHECK(json(second)["error"] == "overloaded");
  advance(1s);
  CHECK(answer_of(first).status == 200);
}
