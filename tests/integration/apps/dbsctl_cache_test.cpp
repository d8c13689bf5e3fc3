// dbsctl's commands for the cache, and the runbook's checks, against a real node.
#include "integration/apps/embedded_node.hpp"

#include "dbs/testing/eventually.hpp"

#include <nlohmann/json.hpp>

#include <fstream>

using namespace dbs;
using namespace dbs::tests;
using namespace std::chrono_literals;
using dbs::testing::eventually;

namespace {

struct fixture : embedded_node {
  fixture() { start_and_wait(); }

  nlohmann::json json(const std::string& arguments, int exit_code = 0) const {
    // What is said beside the JSON goes to standard error.
    auto result = ctl("--json " + arguments + " 2>/dev/null");
    INFO(arguments << ": " << result.output);
    CHECK(result.exit_code == exit_code);
    return nlohmann::json::parse(result.output);
  }

  std::string get_over_http(const std::string& path) const {
    auto port = std::to_string(services->http_port());
    return run("curl -s http://127.0.0.1:" + port + path).output;
  }

  std::string status_over_tcp(const std::string& path) const {
    auto port = std::to_string(services->http_port());
    return run("curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:" + port + path).output;
  }

  std::string cache_status() const {
    return nlohmann::json::parse(get_over_http("/health/cache"))["status"];
  }

  blocking_cache cache() { return services->cache().sync(system); }
};

} // namespace

// -- entries -------------------------------------------------------------------------

TEST_CASE_METHOD(fixture, "dbsctl sets, shows and deletes an entry") {
  CHECK(ctl("cache set product:42 lamp").says("stored  true"));
  CHECK(ctl("cache get product:42").output == "lamp");
  auto shown = json("cache get product:42");
  CHECK(shown["found"] == true);
  CHECK(shown["value"] == "lamp");
  CHECK(shown["source"] == "l1");
  CHECK(json("cache delete product:42")["deleted"] == true);
  CHECK(json("cache delete product:42")["deleted"] == false);
  auto gone = ctl("cache get product:42");
  CHECK(gone.exit_code == 1);
  CHECK(gone.says("there is nothing at 'product:42'"));
  CHECK(json("cache get product:42", 1)["found"] == false);
}

TEST_CASE_METHOD(fixture, "a value of any bytes comes back as it was") {
  auto file = (directory.path() / "value").string();
  std::string bytes;
  for (auto i = 0; i < 256; ++i)
    bytes += static_cast<char>(i);
  std::ofstream{file} << bytes;
  CHECK(ctl("cache set 'key of bytes' - < " + file).exit_code == 0);
  CHECK(ctl("cache get 'key of bytes'").output == bytes);
  CHECK(json("cache get 'key of bytes'").contains("value_base64"));
  CHECK(cache().get("key of bytes")->value.view() == bytes);
  CHECK(ctl("cache set empty ''").exit_code == 0);
  CHECK(ctl("cache get empty").output.empty());
  CHECK(ctl("cache get empty").exit_code == 0);
}

TEST_CASE_METHOD(fixture, "no value commands the terminal") {
  REQUIRE(!cache().set({"k", blob{"gr\xc3\xbcn \x1b[31m"}}));
  auto on_terminal =
      run("script -qec '" + bin + "/dbsctl --socket " + socket + " cache get k' /dev/null");
  INFO(on_terminal.output);
  CHECK(on_terminal.says("gr\xc3\xbcn \\x1b[31m"));
  CHECK(on_terminal.output.find('\x1b') == std::string::npos);
  CHECK(ctl("--json cache get k").says("\\u001b[31m"));
}

TEST_CASE_METHOD(fixture, "dbsctl sets how long an entry lives, its tags, and its reach") {
  CHECK(ctl("cache set a 1 --ttl 60s --tag red --tag big --reach l3").exit_code == 0);
  CHECK(std::stoi(redis.cli({"TTL", "dbs:c:a"})) > 50);
  CHECK(postgres.psql("select tags from dbs_cache where key = 'a'") == "{red,big}");
  CHECK(ctl("cache set b 2 --ttl soon").exit_code == 2);
  CHECK(ctl("cache set b 2 --reach l4").exit_code == 2);
  auto refused = ctl("cache set b 2 --ttl 1us");
  CHECK(refused.exit_code == 4);
  CHECK(refused.says("time to live"));
  CHECK(ctl("cache set '' 2").exit_code == 4);
  CHECK(ctl("cache get \"$(printf 'a\\nb')\"").exit_code == 4);
  CHECK(ctl("cache get " + std::string(600, 'k')).exit_code == 4);
  auto large = ctl("cache set big - < /dev/zero");
  CHECK(large.exit_code == 1);
  CHECK(large.says("payload_too_large"));
  CHECK(ctl("cache set big \"$(head -c 100000 /dev/zero | tr '\\0' x)\"").exit_code == 4);
}

TEST_CASE_METHOD(fixture, "dbsctl loads what no level has") {
  cache::namespace_options options;
  options.loader = cache::sql_loader{"select 'product ' || $1"};
  REQUIRE(!services->cache().register_loader("product", options));
  CHECK(ctl("cache get product:1").exit_code == 1);
  CHECK(ctl("cache get product:1 --load").output == "product 1");
  CHECK(ctl("cache get product:1").output == "product 1");
  auto nobody = ctl("cache get nobody:1 --load");
  CHECK(nobody.exit_code == 4);
  CHECK(nobody.says("no loader is registered"));
}

TEST_CASE_METHOD(fixture, "dbsctl invalidates by prefix, tag, key and namespace") {
  auto fill = [this] {
    for (auto key : {"shop:1", "shop:2", "other:1"}) {
      cache_put what{key, blob{"x"}};
      what.tags = {key};
      REQUIRE(!cache().set(what));
    }
  };
  auto left = [this] {
    std::string result;
    auto found = cache().mget({"shop:1", "shop:2", "other:1"});
    REQUIRE(found);
    for (auto& x : *found)
      result += x.found ? 'x' : '-';
    return result;
  };
  fill();
  CHECK(ctl("cache invalidate --prefix shop:").says("invalidated  true"));
  CHECK(left() == "--x");
  fill();
  CHECK(ctl("cache invalidate --tag shop:2").exit_code == 0);
  CHECK(left() == "x-x");
  fill();
  CHECK(ctl("cache invalidate shop:1 other:1").exit_code == 0);
  CHECK(left() == "-x-");
  fill();
  CHECK(ctl("cache clear shop").exit_code == 0);
  CHECK(left() == "--x");
  for (auto wrong : {"cache invalidate", "cache invalidate --tag a --prefix b",
                     "cache invalidate k --tag a", "cache clear shop:", "cache clear ''"}) {
    INFO(wrong);
    CHECK(ctl(wrong).exit_code == 2);
  }
}

// -- sizes and figures ---------------------------------------------------------------

TEST_CASE_METHOD(fixture, "dbsctl resizes L1, and looks after the connections to Redis") {
  CHECK(json("cache resize-l1 2000")["l1_size"] == 2000);
  CHECK(json("stats cache")["l1_capacity"] == 2000);
  CHECK(ctl("cache resize-l1 0").exit_code == 4);
  CHECK(ctl("cache resize-l1 many").exit_code == 2);
  auto sizes = json("cache optimize-l2");
  CHECK(sizes["l2_connections"] >= 5);
  CHECK(sizes["l2_connections_max"] == 50);
  CHECK(sizes.contains("l2_response_p95_ms"));
}

TEST_CASE_METHOD(fixture, "the runbook's figures of the cache are there") {
  REQUIRE(!cache().set({"k", blob{"x"}}));
  REQUIRE(cache().get("k"));
  for (auto command : {"stats cache", "cache stats"}) {
    auto stats = json(command);
    CHECK(stats["l1_hit_rate"] == 1.0);
    CHECK(stats["l2_hit_rate"] == 0.0);
    CHECK(stats["warming_accuracy"].is_null());
    CHECK(stats.contains("l1_capacity"));
  }
  CHECK(eventually([&] {
    auto health = nlohmann::json::parse(get_over_http("/health/cache"));
    return health["status"] == "healthy" && health["l1_hit_rate"] == 1.0 &&
           health["l2_hit_rate"].is_number() && health["warming_accuracy"].is_null();
  }));
  CHECK(status_over_tcp("/v1/cache/entry?key=k") == "403");
}

// -- checks --------------------------------------------------------------------------

TEST_CASE_METHOD(fixture, "preflight names every component, and those that do not exist") {
  REQUIRE(eventually([&] { return ctl("preflight").exit_code == 0; }, 10s));
  CHECK(ctl("preflight").output == "Database: healthy\nCache: healthy\nLocks: not available\n"
                                   "Pub/sub: not available\nOverall: healthy\n");
  auto report = json("preflight");
  CHECK(report["database"]["status"] == "healthy");
  CHECK(report["cache"]["status"] == "healthy");
  CHECK(report["locks"]["status"] == "not available");
  CHECK(report["pubsub"]["status"] == "not available");
  CHECK(report["overall"]["status"] == "healthy");
}

TEST_CASE_METHOD(fixture, "without Redis the cache is degraded, and the database is not") {
  redis.kill();
  CHECK(eventually([&] { return cache_status() == "degraded"; }, 20s));
  auto database = nlohmann::json::parse(get_over_http("/health/database"));
  CHECK(database["status"] == "healthy");
  auto all = nlohmann::json::parse(get_over_http("/health/database-services"));
  CHECK(all["cache"]["status"] == "degraded");
  CHECK(all["database"]["status"] == "healthy");
  CHECK(all["overall"]["status"] == "degraded");
  auto preflight = ctl("preflight");
  CHECK(preflight.exit_code == 10);
  CHECK(preflight.says("Database: healthy\n"));
  CHECK(preflight.says("Cache: degraded ("));
  // L1 does without
  CHECK(ctl("baseline").exit_code == 0);
  redis.start();
  CHECK(eventually([&] { return ctl("preflight").exit_code == 0; }, 30s));
}

TEST_CASE_METHOD(fixture, "without PostgreSQL the failure of the database hides no other") {
  postgres.stop(testing::postgres_stop::immediate);
  CHECK(eventually([&] { return ctl("preflight").says("Database: unhealthy ("); }, 20s));
  CHECK(ctl("preflight").exit_code == 10);
  CHECK(ctl("preflight").says("Cache: "));
  // the third level notices when it is asked for something
  CHECK(eventually(
      [&] { return ctl("cache get k").exit_code == 1 && cache_status() == "degraded"; }, 20s));
  CHECK(nlohmann::json::parse(get_over_http("/health/database"))["status"] == "unhealthy");
}

TEST_CASE_METHOD(fixture, "the baseline is quick, removes its key, and can fail") {
  auto good = ctl("baseline");
  INFO(good.output);
  CHECK(good.exit_code == 0);
  CHECK(good.says("L1 Cache: 0."));
  CHECK(good.says("ms (target: <1ms)"));
  CHECK(cache().get("test_key")->found == false);
  CHECK(eventually([&] {
    return postgres.psql("select count(*) from dbs_cache where key = 'test_key' and kind = 0") ==
           "0";
  }));
  auto slow = ctl("baseline --inject-l1-delay 5ms");
  CHECK(slow.exit_code == 1);
  CHECK(slow.says("L1 cache performance degraded"));
  auto figures = json("baseline --inject-l1-delay 5ms", 1);
  CHECK(figures["passed"] == false);
  CHECK(figures["l1_ms"]["p50"] >= 5.0);
  CHECK(json("baseline")["passed"] == true);
  CHECK(ctl("baseline --inject-l1-delay 2s").exit_code == 4);
}
