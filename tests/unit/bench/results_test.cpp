#include "harness/results.hpp"

#include "dbs/testing/servers/process.hpp"
#include "dbs/testing/servers/temporary_directory.hpp"

#include <catch2/catch_test_macros.hpp>

#include <fstream>

using dbs::bench::results_file;
using nlohmann::json;

namespace {

json result(const char* name, double ours) {
  return {{"name", name}, {"ours", ours}};
}

json content_of(const std::filesystem::path& path) {
  return json::parse(dbs::testing::read_file(path));
}

} // namespace

TEST_CASE("a part of the figures replaces its own results and keeps the others") {
  dbs::testing::temporary_directory directory{"results"};
  auto path = directory.path() / "results.json";
  results_file all{path, false};
  all.put(result("a", 1));
  all.put(result("b", 2));
  results_file part{path, true};
  part.put(result("a", 3));
  part.put(result("c", 4));
  CHECK(content_of(path) == json{result("a", 3), result("b", 2), result("c", 4)});
}

TEST_CASE("a whole run starts with an empty file") {
  dbs::testing::temporary_directory directory{"results"};
  auto path = directory.path() / "results.json";
  results_file{path, false}.put(result("a", 1));
  results_file{path, false}.put(result("b", 2));
  CHECK(content_of(path) == json::array({result("b", 2)}));
}

TEST_CASE("what holds no results is not overwritten by a part of them") {
  dbs::testing::temporary_directory directory{"results"};
  auto path = directory.path() / "results.json";
  for (auto text : {"", "{", "{}", "[1]", "[{}]"}) {
    std::ofstream{path} << text;
    CHECK_THROWS_AS((results_file{path, true}), std::runtime_error);
  }
}

TEST_CASE("results that cannot be written are an error") {
  results_file file{"/proc/no-such-directory/results.json", false};
  CHECK_THROWS_AS(file.put(result("a", 1)), std::runtime_error);
}
