// dbsd and dbsctl as a user runs them.
#include "integration/apps/node.hpp"

#include "dbs/testing/eventually.hpp"
#include "dbs/testing/servers/private_postgres.hpp"
#include "dbs/testing/servers/private_redis.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <memory>
#include <regex>

using namespace dbs::tests;
using namespace std::chrono_literals;

namespace {

/// One development node for all tests of this process that only look at it.
node& shared_node() {
  static node result{{"--dev"}};
  REQUIRE(result.ctl("wait --ready --timeout 60s").exit_code == 0);
  return result;
}

bool is_free(uint16_t port) {
  auto fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto result = ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  ::close(fd);
  return result;
}

} // namespace

// -- a development node ------------------------------------------------------------

TEST_CASE("a development node is healthy, and all its children are up") {
  auto& n = shared_node();
  CHECK(n.json("health")["overall"]["status"] == "healthy");
  auto tree = n.json("tree");
  for (auto& child : tree["children"])
    CHECK(child["state"] == "up");
}

TEST_CASE("the pool of a running node is watched and resized") {
  auto& n = shared_node();
  auto stats = n.json("stats pool");
  for (auto key : {"active_connections", "pool_size", "overflow", "utilization"})
    CHECK(stats.contains(key));
  CHECK(n.ctl("pool resize 7").exit_code == 0);
  CHECK(n.json("stats pool")["pool_size"] == 7);
  CHECK(n.ctl("pool resize 0").exit_code == 4);
  CHECK(n.json("pool holders").is_array());
}

TEST_CASE("statements run through a node") {
  auto& n = shared_node();
  auto rows = n.json("sql 'select 6 * $1::int as x' 7");
  CHECK(rows["columns"] == nlohmann::json{"x"});
  CHECK(rows["rows"] == nlohmann::json::array({nlohmann::json::array({42})}));
  auto refused = n.ctl("sql 'select nonsense'");
  CHECK(refused.exit_code == 4);
  CHECK(refused.says("42703"));
}

TEST_CASE("a node shows its configuration without secrets") {
  auto config = shared_node().json("config show --node");
  CHECK(config["database"]["password"] == "***");
  CHECK(config["redis"]["password"] == "***");
  CHECK(config["cache"]["l1_size"] == 1000);
  CHECK(config["origins"]["cache.l1_size"] == "default");
  CHECK(config["origins"]["database.host"] == "development mode");
  CHECK(config["origins"]["http.socket"] == "flag --set http.socket");
  auto table = shared_node().ctl("config show --node");
  CHECK(table.exit_code == 0);
  CHECK(std::regex_search(table.output, std::regex{"\ncache.l1_size +1000 +default\n"}));
}

TEST_CASE("the runbook's health checks work over HTTP") {
  auto& n = shared_node();
  auto services = nlohmann::json::parse(n.get("/health/database-services"));
  CHECK(services["overall"]["status"] == "healthy");
  auto database = nlohmann::json::parse(n.get("/health/database"));
  CHECK(database["status"] == "healthy");
  CHECK(database["avg_response_time_ms"].is_number());
  CHECK(database["response_time_ms"]["p95"].is_number());
  CHECK(database["response_time_ms"]["max"].is_number());
  n.get("/health/live");
  n.get("/health/ready");
}

TEST_CASE("the runbook's metrics are there, for programs and for Prometheus") {
  auto& n = shared_node();
  auto metrics = n.get("/metrics");
  for (auto name : {"dbs_postgres_pool_query_seconds_count", "dbs_redis_up 1",
                    "process_resident_memory_bytes", "caf_system_running_actors"})
    CHECK(metrics.find(name) != std::string::npos);
  auto json = nlohmann::json::parse(n.get("/metrics/database-services"));
  CHECK(json["database"]["pool"]["utilization"].is_number());
  CHECK(json["database"]["response_time_ms"]["p95"].is_number());
}

TEST_CASE("administration is not for TCP") {
  CHECK(status_of(shared_node().url() + "/v1/tree") == "403");
}

TEST_CASE("a node ends in order when it is told to") {
  node n{{"--dev"}};
  REQUIRE(n.ctl("wait --ready --timeout 60s").exit_code == 0);
  CHECK(n.stop() == 0);
  CHECK(n.ctl("health").exit_code == 3);
}

// -- a node on servers of others ---------------------------------------------------

TEST_CASE("a node whose PostgreSQL is away answers at port 8000, and becomes ready by itself") {
  if (!is_free(8000))
    SKIP("port 8000, the default, is taken on this machine");
  dbs::testing::private_postgres postgres;
  dbs::testing::private_redis redis;
  postgres.stop();
  node n{{"--set", "log.level=off"},
         {"DATABASE_URL=" + postgres.url(), "REDIS_URL=" + redis.url()}};
  const std::string ready = "http://localhost:8000/health/ready";
  REQUIRE(dbs::testing::eventually([&] { return status_of(ready) == "503"; }, 30s, 50ms));
  CHECK(run("curl -s " + ready).says("connection refused"));
  CHECK(status_of("http://localhost:8000/health/live") == "200");
  CHECK(n.ctl("wait --ready --timeout 300ms").exit_code == 1);
  postgres.start();
  CHECK(n.ctl("wait --ready --timeout 60s").exit_code == 0);
  CHECK(status_of(ready) == "200");
}

// -- configuration and usage -------------------------------------------------------

TEST_CASE("bad configuration is refused with the variable's name") {
  auto dbsd = bin + "/dbsd --check-config";
  auto bad =
      run("env DATABASE_URL=postgresql://h/d REDIS_URL=redis://h DATABASE_POOL_SIZE=abc " + dbsd);
  CHECK(bad.exit_code == 2);
  CHECK(bad.says("DATABASE_POOL_SIZE"));
  auto missing = run("env -u DATABASE_URL -u REDIS_URL " + dbsd);
  CHECK(missing.exit_code == 2);
  CHECK(missing.says("DATABASE_URL"));
  auto good = run("env DATABASE_URL=postgresql+asyncpg://u:p@h:5432/d REDIS_URL=redis://h:6379/0 " +
                  dbsd + " --mode async_modern");
  INFO(good.output);
  CHECK(good.exit_code == 0);
  CHECK(run("env DATABASE_URL=postgresql://h/d REDIS_URL=redis://h " + dbsd + " --mode turbo")
            .exit_code == 2);
}

TEST_CASE("config show prints this shell's settings without its secrets") {
  auto shown =
      run("env DATABASE_URL=postgresql+asyncpg://u:hunter2@h:5432/d REDIS_URL=redis://r:6379/3 " +
          bin + "/dbsctl config show --json");
  INFO(shown.output);
  REQUIRE(shown.exit_code == 0);
  CHECK(shown.output.find("hunter2") == std::string::npos);
  auto json = nlohmann::json::parse(shown.output);
  CHECK(json["database"]["host"] == "h");
  CHECK(json["database"]["pool_size"] == 20);
  CHECK(json["database"]["max_overflow"] == 0);
  CHECK(json["redis"]["db"] == 3);
  CHECK(json["redis"]["pool_min"] == 5);
  CHECK(json["redis"]["pool_max"] == 50);
  CHECK(json["origins"]["database.host"] == "environment variable DATABASE_URL");
  CHECK(json["origins"]["redis.pool_max"] == "default");
}

TEST_CASE("wrong usage ends with its own exit code") {
  CHECK(run(bin + "/dbsd --frobnicate").exit_code == 2);
  CHECK(run(bin + "/dbsctl --help").exit_code == 0);
}
