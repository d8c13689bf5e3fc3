// dbsd from its start to its end: private servers, the demonstration, signals, the log.
#include "integration/apps/command.hpp"

#include "dbs/testing/eventually.hpp"
#include "dbs/testing/servers/private_postgres.hpp"
#include "dbs/testing/servers/process.hpp"
#include "dbs/testing/servers/process_tree.hpp"
#include "dbs/testing/servers/temporary_directory.hpp"

#include <catch2/catch_message.hpp>
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <regex>
#include <string>
#include <vector>

using namespace dbs;
using namespace dbs::tests;
using namespace std::chrono_literals;

namespace fs = std::filesystem;

namespace {

/// Without what the shell of these tests may have.
const std::string clean = "env -u DATABASE_URL -u REDIS_URL ";

/// With servers that nobody looks for.
const std::string with_targets = "env DATABASE_URL=postgresql://h/d REDIS_URL=redis://h ";

/// A dbsd whose temporary directories are all in one place.
class dbsd_process {
public:
  /// @param environment as `NAME=VALUE`.
  explicit dbsd_process(std::vector<std::string> arguments,
                        std::vector<std::string> environment = {})
      : process_(options(std::move(arguments), std::move(environment))) {}

  std::string output() const { return testing::read_file(scratch_.path() / "output"); }

  bool has_said(const std::string& what) const {
    return testing::eventually([&] { return output().find(what) != std::string::npos; }, 60s);
  }

  /// What it and its servers have in the file system.
  std::vector<std::string> left_behind() const {
    std::vector<std::string> result;
    for (auto& entry : fs::directory_iterator{home_.path()})
      result.push_back(entry.path().filename().string());
    return result;
  }

  bool has_directory(const std::string& label) const {
    auto all = left_behind();
    return std::any_of(all.begin(), all.end(), [&label](auto& name) {
      return name.find("-" + label + "-") != std::string::npos;
    });
  }

  std::vector<pid_t> servers() const { return testing::descendants(process_.pid()); }

  void signal(int number) const { process_.signal(number); }

  /// The exit code; -1 if it did not end within seconds, or otherwise.
  int exit_code(std::chrono::milliseconds within = 15s) const {
    auto status = process_.wait_for(within);
    INFO(output());
    REQUIRE(status);
    return WIFEXITED(*status) ? WEXITSTATUS(*status) : -1;
  }

  std::string socket() const {
    for (auto& name : left_behind())
      if (auto path = home_.path() / name / "dbsd.sock"; fs::exists(path))
        return path.string();
    return {};
  }

private:
  testing::process_options options(std::vector<std::string> arguments,
                                   std::vector<std::string> environment) const {
    testing::process_options result;
    result.program = "/usr/bin/env";
    result.arguments = {"-u", "DATABASE_URL", "-u", "REDIS_URL", "TMPDIR=" + home_.path().string()};
    std::move(environment.begin(), environment.end(), std::back_inserter(result.arguments));
    result.arguments.push_back(bin + "/dbsd");
    std::move(arguments.begin(), arguments.end(), std::back_inserter(result.arguments));
    result.output = scratch_.path() / "output";
    return result;
  }

  testing::temporary_directory home_{"t", {.shared = true}};
  testing::temporary_directory scratch_{"daemon"};
  testing::process process_;
};

bool are_gone(const std::vector<pid_t>& processes) {
  return std::none_of(processes.begin(), processes.end(), testing::is_alive);
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

// -- the demonstration -------------------------------------------------------------

TEST_CASE("the demonstration shows its figures, the health and what to try, and leaves nothing") {
  dbsd_process d{{"--dev", "--demo", "--once", "--demo-seconds", "2"}};
  REQUIRE(d.has_said("running 64 shoppers for 2 s"));
  auto servers = d.servers();
  CHECK_FALSE(servers.empty());
  CHECK(d.exit_code(60s) == 0);
  auto text = d.output();
  INFO(text);
  CHECK(has(text, "loading 100000 generated products"));
  for (std::string row :
       {"read product", "list category", "change price", "purchase \\(transaction\\)"})
    CHECK(std::regex_search(text,
                            std::regex{"\n" + row + " +[1-9][0-9]*( +[0-9]+\\.[0-9]{3}){3}\n"}));
  CHECK(std::regex_search(text, std::regex{"\nall +[1-9][0-9]+ +0 failed\n"}));
  for (std::string row : {"pool: size 20", "acquire  p50", "query    p50", "hold     p50"})
    CHECK(has(text, row));
  CHECK(has(text, "health: {"));
  CHECK(has(text, "\"status\": \"healthy\""));
  for (std::string line :
       {"curl -s http://127.0.0.1:", "dbsctl --socket ", "stats pool", "pool resize 30"})
    CHECK(has(text, line));
  CHECK(are_gone(servers));
  CHECK(d.left_behind().empty());
}

TEST_CASE("a signal in the middle of the workload ends it, the servers and their directories") {
  dbsd_process d{{"--dev", "--demo", "--demo-seconds", "600"}};
  REQUIRE(d.has_said("running 64 shoppers"));
  auto servers = d.servers();
  CHECK(servers.size() > 2);
  d.signal(SIGINT);
  CHECK(d.exit_code() == 128 + SIGINT);
  CHECK(are_gone(servers));
  CHECK(d.left_behind().empty());
  CHECK_FALSE(has(d.output(), "dbsd: "));
}

TEST_CASE("a signal while the servers start or the catalogue loads leaves nothing either") {
  for (std::string moment : {"starting a private", "generated products"}) {
    dbsd_process d{{"--dev", "--demo"}};
    INFO(moment);
    REQUIRE(d.has_said(moment));
    auto servers = d.servers();
    d.signal(SIGTERM);
    CHECK(d.exit_code() == 128 + SIGTERM);
    CHECK(are_gone(servers));
    CHECK(d.left_behind().empty());
  }
}

TEST_CASE("a demonstration is refused without a database of its own") {
  auto alone = run(clean + bin + "/dbsd --demo");
  CHECK(alone.exit_code == 2);
  CHECK(has(alone.output, "--dev"));
  auto given = run(clean + "DATABASE_URL=postgresql://h/d " + bin + "/dbsd --dev --demo");
  CHECK(given.exit_code == 2);
  CHECK(has(given.output, "environment variable DATABASE_URL"));
  CHECK(has(given.output, "what to do: "));
}

// -- development -------------------------------------------------------------------

TEST_CASE("a development node says where everything is, and ends with a signal") {
  dbsd_process d{{"--dev"}};
  REQUIRE(d.has_said("the node stays up"));
  auto text = d.output();
  INFO(text);
  CHECK(std::regex_search(text, std::regex{"database.url +postgresql://postgres:[0-9a-f]{32}@"}));
  CHECK(std::regex_search(text, std::regex{"redis.url +redis://:[0-9a-f]{32}@"}));
  CHECK(has(text, d.socket()));
  std::smatch curl;
  REQUIRE(
      std::regex_search(text, curl, std::regex{"curl -s http://\\S+/health/database-services"}));
  CHECK(has(run(curl.str()).output, "\"healthy\""));
  CHECK(run(bin + "/dbsctl --socket " + d.socket() + " sql 'select version()'").exit_code == 0);
  auto servers = d.servers();
  d.signal(SIGTERM);
  CHECK(d.exit_code() == 0);
  CHECK(are_gone(servers));
  CHECK(d.left_behind().empty());
}

TEST_CASE("development mode brings only what nobody gave") {
  testing::private_postgres given;
  dbsd_process d{{"--dev", "--set", "log.level=error"}, {"DATABASE_URL=" + given.url()}};
  REQUIRE(d.has_said("the node stays up"));
  CHECK_FALSE(d.has_directory("postgres"));
  CHECK(d.has_directory("redis"));
  auto shown = run(bin + "/dbsctl --json --socket " + d.socket() + " config show --node");
  INFO(shown.output);
  REQUIRE(shown.exit_code == 0);
  auto config = nlohmann::json::parse(shown.output);
  CHECK(config["database"]["port"] == given.port());
  CHECK(config["origins"]["database.port"] == "environment variable DATABASE_URL");
  CHECK(config["origins"]["redis.port"] == "development mode");
  CHECK(config["log"]["level"] == "error");
}

TEST_CASE("development mode brings a named database that nobody gave a URL") {
  testing::private_postgres given;
  dbsd_process d{{"--dev", "--set", "databases.reports.pool_size=3"},
                 {"DATABASE_URL=" + given.url()}};
  REQUIRE(d.has_said("the node stays up"));
  CHECK(has(d.output(), "databases.reports.url"));
  auto ctl = bin + "/dbsctl --json --socket " + d.socket() + " ";
  auto where = "'select current_database()'";
  CHECK(has(run(ctl + "sql --pool reports " + where).output, "\"dbs_reports\""));
  CHECK(has(run(ctl + "sql " + where).output, "\"postgres\""));
}

TEST_CASE("checking the configuration of a development node starts nothing") {
  dbsd_process good{{"--dev", "--check-config"}};
  CHECK(good.exit_code() == 0);
  CHECK(good.output() == "the configuration is valid\n");
  for (std::string mode : {"turbo", ""}) {
    dbsd_process bad{{"--dev", "--mode", mode}};
    CHECK(bad.exit_code() == 2);
    CHECK(has(bad.output(), "\"" + mode + "\" from flag --mode is unknown"));
    CHECK_FALSE(has(bad.output(), "starting"));
  }
  auto shown = run(clean + bin + "/dbsctl config show --mode ''");
  CHECK(shown.exit_code != 0);
  CHECK(has(shown.output, "\"\" from flag --mode is unknown"));
}

// -- the log -----------------------------------------------------------------------

TEST_CASE("errors are in the log file, where grep finds them") {
  testing::temporary_directory directory{"log"};
  for (std::string format : {"text", "json"}) {
    auto file = (directory.path() / (format + ".log")).string();
    auto socket = (directory.path() / "s").string();
    // Nobody listens on port 1.
    dbsd_process d{
        {"--set", "log.file=" + file, "--set", "log.format=" + format, "--set", "http.port=0",
         "--set", "http.socket=" + socket},
        {"DATABASE_URL=postgresql://u:S3cret@127.0.0.1:1/d", "REDIS_URL=redis://127.0.0.1:1"}};
    REQUIRE(testing::eventually(
        [&] { return has(testing::read_file(file), "initialization failed: postgres_pool: "); },
        30s));
    auto found = run("grep -i error " + file + " | tail -10");
    INFO(found.output);
    CHECK(found.exit_code == 0);
    CHECK(has(found.output, "DatabaseServices initialization failed: postgres_pool: "));
    CHECK_FALSE(has(testing::read_file(file), "S3cret"));
    d.signal(SIGTERM);
    CHECK(d.exit_code() == 0);
    CHECK(d.output().empty());
  }
}

TEST_CASE("a log file that cannot be written is wrong configuration") {
  for (std::string more : {"", " --check-config"}) {
    auto refused = run(with_targets + bin + "/dbsd --set log.file=/dev/null/dbs.log" + more);
    INFO(refused.output);
    CHECK(refused.exit_code == 2);
    CHECK(has(refused.output, "log.file (DBS_LOG_FILE)"));
    CHECK(has(refused.output, "/dev/null/dbs.log"));
  }
}

TEST_CASE("checking the configuration makes no file, and looks at those that are named") {
  testing::temporary_directory directory{"check"};
  auto name = directory.path().string();
  auto check = with_targets + bin + "/dbsd --check-config --set log.file=" + name + "/a/dbs.log";
  auto good = run(check);
  INFO(good.output);
  CHECK(good.exit_code == 0);
  CHECK(fs::is_empty(directory.path()));
  auto bad = run(check + " --set redis.ca_file=" + name + "/ca.pem");
  CHECK(bad.exit_code == 2);
  CHECK(has(bad.output, "redis.ca_file (DBS_REDIS_CA_FILE)"));
}

// -- secrets -----------------------------------------------------------------------

TEST_CASE("a wrong command line does not tell the password in it") {
  const std::string url = "postgresql://u:S3cret@h/d";
  const std::vector<std::string> lines{"dbsd --set 'database.url:" + url + "'",
                                       "dbsd --set '" + url + "?sslmode=require'",
                                       "dbsd --set 'host=h user=u password=S3cret'",
                                       "dbsd --set password:S3cret@h",
                                       "dbsd " + url,
                                       "dbsd S3cret",
                                       "dbsd --S3cret",
                                       "dbsd --database-url=" + url,
                                       "dbsd --config " + url,
                                       "dbsd --dev --demo --demo-seconds " + url,
                                       "dbsctl frobnicate " + url,
                                       "dbsctl health " + url,
                                       "dbsctl --timeout-ms " + url + " health",
                                       "dbsctl config show --config " + url,
                                       "dbsctl config show --mode " + url};
  for (auto& arguments : lines) {
    auto refused = run(with_targets + bin + "/" + arguments);
    INFO(arguments << "\n" << refused.output);
    CHECK(refused.exit_code != 0);
    CHECK_FALSE(refused.output.empty());
    CHECK_FALSE(has(refused.output, "S3cret"));
  }
  auto stray = run(bin + "/dbsd --frobnicate S3cret");
  CHECK(has(stray.output, "2 arguments were not expected: --frobnicate\n"));
}
