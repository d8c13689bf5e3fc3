// dbsd and dbsctl as a user runs them.
#include "integration/apps/shell.hpp"

#include "dbs/testing/servers/temporary_directory.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <regex>
#include <string>
#include <vector>

using namespace dbs;
using namespace dbs::tests;

namespace {

/// A development node of one's own.
class node {
public:
  node() {
    pid_ = fork();
    if (pid_ == 0) {
      auto program = bin + "/dbsd";
      auto setting = "http.socket=" + socket();
      execl(program.c_str(), "dbsd", "--dev", "--set", setting.c_str(), nullptr);
      _exit(127);
    }
  }

  ~node() {
    if (pid_ > 0)
      stop();
  }

  int stop() {
    ::kill(pid_, SIGTERM);
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  std::string socket() const { return (directory_.path() / "node.sock").string(); }

  outcome ctl(const std::string& arguments) const {
    return run(bin + "/dbsctl --socket " + socket() + " " + arguments);
  }

  nlohmann::json json(const std::string& arguments) const {
    auto result = ctl("--json " + arguments);
    INFO(result.output);
    REQUIRE(result.exit_code == 0);
    return nlohmann::json::parse(result.output);
  }

private:
  dbs::testing::temporary_directory directory_{"programs"};
  pid_t pid_ = -1;
};

} // namespace

TEST_CASE("a development node is operated with dbsctl and watched over HTTP") {
  node n;
  REQUIRE(n.ctl("wait --ready --timeout 60s").exit_code == 0);

  CHECK(n.json("health")["overall"]["status"] == "healthy");
  auto tree = n.json("tree");
  CHECK(tree["children"][0]["state"] == "up");

  auto stats = n.json("stats pool");
  for (auto key : {"active_connections", "pool_size", "overflow", "utilization"})
    CHECK(stats.contains(key));
  CHECK(n.ctl("pool resize 7").exit_code == 0);
  CHECK(n.json("stats pool")["pool_size"] == 7);
  CHECK(n.ctl("pool resize 0").exit_code == 4);
  CHECK(n.json("pool holders").empty());

  auto rows = n.json("sql 'select 6 * $1::int as x' 7");
  CHECK(rows["columns"] == nlohmann::json{"x"});
  CHECK(rows["rows"] == nlohmann::json::array({nlohmann::json::array({42})}));
  auto refused = n.ctl("sql 'select nonsense'");
  CHECK(refused.exit_code == 4);
  CHECK(refused.output.find("42703") != std::string::npos);

  auto config = n.json("config show --node");
  CHECK(config["database"]["password"] == "***");
  CHECK(config["redis"]["password"] == "***");
  CHECK(config["cache"]["l1_size"] == 1000);
  CHECK(config["origins"]["cache.l1_size"] == "default");
  CHECK(config["origins"]["database.host"] == "development mode");
  CHECK(config["origins"]["http.socket"] == "flag --set http.socket");
  auto table = n.ctl("config show --node");
  CHECK(table.exit_code == 0);
  CHECK(std::regex_search(table.output, std::regex{"\ncache.l1_size +1000 +default\n"}));

  auto port = n.json("stats http")["port"].get<int>();
  auto url = "http://127.0.0.1:" + std::to_string(port);
  auto get = [&url](const std::string& path) {
    auto answer = run("curl -fsS " + url + path);
    INFO(path << ": " << answer.output);
    REQUIRE(answer.exit_code == 0);
    return answer.output;
  };
  CHECK(nlohmann::json::parse(get("/health/database-services"))["overall"]["status"] == "healthy");
  auto database = nlohmann::json::parse(get("/health/database"));
  CHECK(database["status"] == "healthy");
  CHECK(database["avg_response_time_ms"].is_number());
  CHECK(database["response_time_ms"]["p95"].is_number());
  get("/health/live");
  get("/health/ready");
  auto metrics = get("/metrics");
  for (auto name : {"dbs_postgres_pool_query_seconds_count", "dbs_postgres_pool_idle_connections",
                    "process_resident_memory_bytes", "caf_system_running_actors"})
    CHECK(metrics.find(name) != std::string::npos);
  auto json = nlohmann::json::parse(get("/metrics/database-services"));
  CHECK(json["database"]["pool"]["utilization"].is_number());
  CHECK(json["database"]["response_time_ms"]["p95"].is_number());
  // administration is not for TCP
  CHECK(run("curl -s -o /dev/null -w '%{http_code}' " + url + "/v1/tree").output == "403");

  CHECK(n.stop() == 0);
  CHECK(n.ctl("health").exit_code == 3);
}

TEST_CASE("bad configuration is refused with the variable's name") {
  auto dbsd = bin + "/dbsd --check-config";
  auto bad =
      run("env DATABASE_URL=postgresql://h/d REDIS_URL=redis://h DATABASE_POOL_SIZE=abc " + dbsd);
  CHECK(bad.exit_code == 2);
  CHECK(bad.output.find("DATABASE_POOL_SIZE") != std::string::npos);
  auto missing = run("env -u DATABASE_URL -u REDIS_URL " + dbsd);
  CHECK(missing.exit_code == 2);
  CHECK(missing.output.find("DATABASE_URL") != std::string::npos);
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
  CHECK(run(bin + "/dbsctl frobnicate").exit_code == 2);
  CHECK(run(bin + "/dbsd --frobnicate").exit_code == 2);
  CHECK(run(bin + "/dbsctl --help").exit_code == 0);
}
