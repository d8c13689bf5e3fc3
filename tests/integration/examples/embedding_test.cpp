// The programs that show how to embed DatabaseServices, as a user runs them; the first is the
// one in the README.
#include "dbs/testing/servers/free_port.hpp"
#include "dbs/testing/servers/private_postgres.hpp"
#include "dbs/testing/servers/private_redis.hpp"
#include "dbs/testing/servers/process.hpp"
#include "dbs/testing/servers/temporary_directory.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <sys/wait.h>

using namespace dbs;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

struct outcome {
  int exit_code = -1;
  std::string output;
};

/// Runs an example with these variables and nothing else in its environment.
outcome run_example(std::vector<std::string> variables,
                    const std::string& name = "example_embedding") {
  testing::temporary_directory directory{"embedding"};
  auto output = directory.path() / "output";
  variables.insert(variables.begin(), "--ignore-environment");
  variables.push_back(std::string{DBS_BIN_DIR} + "/" + name);
  testing::process program{
      {.program = "/usr/bin/env", .arguments = std::move(variables), .output = output}};
  auto status = program.wait_for(60s);
  REQUIRE(status);
  return {WIFEXITED(*status) ? WEXITSTATUS(*status) : -1, testing::read_file(output)};
}

} // namespace

TEST_CASE("the example in the README prints the database's answer") {
  testing::private_postgres postgres;
  testing::private_redis redis;
  auto result = run_example({"DATABASE_URL=" + postgres.url(), "REDIS_URL=" + redis.url()});
  INFO(result.output);
  CHECK(result.exit_code == 0);
  CHECK_THAT("\n" + result.output, ContainsSubstring("\n42\n"));
}

TEST_CASE("the example in the README says so and fails if PostgreSQL is away") {
  testing::private_redis redis;
  testing::free_port nobody;
  auto address = "127.0.0.1:" + std::to_string(nobody.number());
  auto result = run_example(
      {"DATABASE_URL=postgresql://app@" + address + "/app", "REDIS_URL=" + redis.url()});
  INFO(result.output);
  CHECK(result.exit_code == 1);
  // The log says it, too, but goes on behind the address.
  CHECK_THAT(result.output, ContainsSubstring("deadline_exceeded: ") &&
                                ContainsSubstring("connection refused at " + address + "\n"));
}

TEST_CASE("the example in the README names what is missing in its configuration") {
  auto result = run_example({});
  INFO(result.output);
  CHECK(result.exit_code == 1);
  CHECK_THAT(result.output,
             ContainsSubstring("config_invalid") && ContainsSubstring("DATABASE_URL"));
}

TEST_CASE("the example of the cache loads through its own actor") {
  testing::private_postgres postgres;
  testing::private_redis redis;
  auto result = run_example({"DATABASE_URL=" + postgres.url(), "REDIS_URL=" + redis.url()},
                            "example_caching");
  INFO(result.output);
  CHECK(result.exit_code == 0);
  CHECK_THAT("\n" + result.output, ContainsSubstring("\noslo: sunny\noslo: sunny\n") &&
                                       ContainsSubstring("not_found: there is no place atlantis"));
}
