// dbs_bench: ours against named peers; see scripts/bench.
#include "harness/figure.hpp"

#include "dbs/messages/init.hpp"

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include <algorithm>
#include <exception>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  using namespace dbs::bench;
  dbs::init();
  CLI::App app{"dbs_bench: ours against named peers, medians of interleaved rounds."};
  std::vector<std::string> names;
  std::string single;
  std::string results = "bench/results.json";
  bool list = false;
  app.add_option("names", names, "figures to run, or beginnings of their names; all by default");
  app.add_option("--results", results, "where the results go as JSON");
  app.add_flag("--list", list, "print the names of all figures");
  app.add_option("--in-this-process", single, "run one figure and print its JSON");
  CLI11_PARSE(app, argc, argv);
  auto figures = all_figures();
  auto wanted = [&names](const figure& x) {
    return names.empty() || std::any_of(names.begin(), names.end(), [&x](const std::string& name) {
             return x.name.rfind(name, 0) == 0;
           });
  };
  try {
    if (list) {
      for (auto& x : figures)
        fmt::print("{}\n", x.name);
      return 0;
    }
    if (!single.empty()) {
      for (auto& x : figures)
        if (x.name == single)
          return run_figure(x);
      throw std::invalid_argument("there is no figure '" + single + "'");
    }
    std::vector<figure> chosen;
    std::copy_if(figures.begin(), figures.end(), std::back_inserter(chosen), wanted);
    if (chosen.empty())
      throw std::invalid_argument("no figure has such a name: see --list");
    return run_figures(chosen, results);
  } catch (const std::exception& e) {
    fmt::print(stderr, "dbs_bench: {}\n", e.what());
    return 2;
  }
}
