// dbs_bench: ours against named peers; see scripts/bench and docs/benchmarks.md.
#include "figures/all.hpp"
#include "harness/runner.hpp"
#include "harness/selection.hpp"
#include "hit_ratio/hit_ratio.hpp"

#include "dbs/messages/init.hpp"

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace {

/// What this shell has set for dbsd or for libpq must not reach the nodes and peers
/// of a benchmark.
void forget_settings() {
  constexpr std::array<std::string_view, 5> prefixes{"DBS_", "DATABASE_", "REDIS_", "CACHE_", "PG"};
  std::vector<std::string> names;
  for (auto** entry = environ; *entry != nullptr; ++entry) {
    std::string_view text{*entry};
    if (std::any_of(prefixes.begin(), prefixes.end(),
                    [text](std::string_view prefix) { return text.starts_with(prefix); }))
      names.emplace_back(text.substr(0, text.find('=')));
  }
  for (auto& name : names)
    unsetenv(name.c_str());
}

std::vector<std::string> names_of(const std::vector<dbs::bench::figure>& figures) {
  std::vector<std::string> result;
  for (auto& x : figures)
    result.push_back(x.name);
  return result;
}

} // namespace

int main(int argc, char** argv) {
  using namespace dbs::bench;
  forget_settings();
  dbs::init();
  CLI::App app{"dbs_bench: ours against named peers, medians of interleaved rounds."};
  std::vector<std::string> names;
  std::string single;
  std::string results = DBS_BENCH_RESULTS;
  auto rounds = 0;
  auto list = false;
  auto figures = all_figures();
  app.add_option("names", names, "figures to run, or beginnings of their names; all by default");
  app.add_option("--rounds", rounds, "how often both sides are measured; each figure has a default")
      ->check(CLI::PositiveNumber);
  app.add_option("--results", results, "where the results go as JSON")->capture_default_str();
  app.add_flag("--list", list, "print the names of all figures");
  app.add_option("--in-this-process", single, "measure this figure without a child process")
      ->check(CLI::IsMember{names_of(figures)});
  std::string traces;
  std::vector<size_t> sizes;
  auto* hit_ratio =
      app.add_subcommand("hit_ratio", "hit ratios of the L1 store on recorded accesses");
  hit_ratio->add_option("--traces", traces, "the directory of the traces")
      ->required()
      ->check(CLI::ExistingDirectory);
  hit_ratio->add_option("--sizes", sizes, "in entries; by default parts of the keys of each trace");
  CLI11_PARSE(app, argc, argv);
  try {
    if (hit_ratio->parsed()) {
      print_hit_ratios(traces, sizes);
      return 0;
    }
    if (rounds > 0)
      for (auto& x : figures)
        x.rounds = rounds;
    if (list) {
      for (auto& name : names_of(figures))
        fmt::print("{}\n", name);
      return 0;
    }
    if (!single.empty()) {
      auto is_it = [&single](const figure& x) { return x.name == single; };
      run_here(*std::find_if(figures.begin(), figures.end(), is_it), results);
      return 0;
    }
    // A part of the figures leaves the results of the others in the file.
    results_file file{results, !names.empty()};
    return run_each(select(figures, names), file);
  } catch (const std::exception& e) {
    fmt::print(stderr, "dbs_bench: {}\n", e.what());
    return 2;
  }
}
