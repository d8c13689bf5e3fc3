#include "harness/runner.hpp"

#include "harness/measure.hpp"
#include "harness/placement.hpp"
#include "harness/report.hpp"

#include "dbs/testing/servers/process.hpp"
#include "dbs/testing/servers/temporary_directory.hpp"

#include <fmt/core.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <string>

namespace dbs::bench {

namespace {

/// The longest figure takes less than two minutes; this one hangs.
constexpr std::chrono::minutes figure_limit{5};

nlohmann::json run_in_child(const figure& what) {
  testing::temporary_directory directory{"bench"};
  auto result = directory.path() / "result.json";
  testing::run_program({.program = std::filesystem::read_symlink("/proc/self/exe"),
                        .arguments = {"--in-this-process", what.name, "--results", result.string(),
                                      "--rounds", std::to_string(what.rounds)},
                        .output = directory.path() / "output"},
                       figure_limit);
  return nlohmann::json::parse(testing::read_file(result)).at(0);
}

nlohmann::json run_or_explain(const figure& what) {
  try {
    return run_in_child(what);
  } catch (const std::exception& e) {
    return not_measured(what, e.what());
  }
}

} // namespace

void run_here(const figure& what, const std::filesystem::path& to) {
  if (what.where == placement::one_core)
    stay_on_one_core();
  results_file{to, false}.put(measure(what));
}

int run_each(const std::vector<figure>& figures, results_file& results) {
  tally sum;
  for (auto& what : figures) {
    auto result = run_or_explain(what);
    fmt::print("{}\n", line_of(result));
    std::fflush(stdout);
    sum.count(result);
    results.put(std::move(result));
  }
  fmt::print("results: {}\n{}\n", results.path().string(), sum.text());
  return sum.failed() == 0 ? 0 : 1;
}

} // namespace dbs::bench
