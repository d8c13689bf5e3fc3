// dbsd: a node of DatabaseServices.
//
// Exit codes: 0 ended as asked, 1 failed, 2 wrong usage or configuration.
#include "demo/demo.hpp"
#include "development_servers.hpp"

#include "dbs/actors/services.hpp"
#include "dbs/config/load.hpp"
#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/init.hpp"
#include "dbs/runtime/caf/program_config.hpp"

#include <CLI/CLI.hpp>
#include <caf/actor_system.hpp>
#include <fmt/core.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

namespace {

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

constexpr caf::timespan development_start_limit = std::chrono::seconds{30};

struct command_line {
  dbs::config_sources sources;
  bool check_config = false;
  bool demo = false;
  bool once = false;
};

/// Signals are taken by `wait_for_signal` alone: the mask is inherited by every
/// thread that is made later.
sigset_t block_signals() {
  sigset_t result;
  sigemptyset(&result);
  sigaddset(&result, SIGINT);
  sigaddset(&result, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &result, nullptr);
  return result;
}

void complain(const caf::error& reason) {
  fmt::print(stderr, "dbsd: {}\n", dbs::describe(reason));
}

std::string own_directory() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().string();
}

int run_node(command_line& what) {
  std::unique_ptr<dbs::development_servers> servers;
  if (what.sources.development) {
    fmt::print("starting a private PostgreSQL and a private Redis ...\n");
    std::fflush(stdout);
    servers = std::make_unique<dbs::development_servers>();
    for (auto& own : servers->settings()) {
      auto given = [&own](const auto& flag) { return flag.first == own.first; };
      if (std::none_of(what.sources.flags.begin(), what.sources.flags.end(), given))
        what.sources.flags.push_back(own);
    }
  }
  auto configuration = dbs::load_settings(what.sources);
  if (!configuration) {
    complain(configuration.error());
    return exit_usage;
  }
  if (what.check_config) {
    fmt::print("the configuration is valid\n");
    return 0;
  }
  auto signals = block_signals();
  dbs::program_config config;
  caf::actor_system system{config};
  auto services = dbs::create_database_services(system, {std::move(*configuration), true});
  if (!services) {
    complain(services.error());
    return exit_failed;
  }
  if (what.demo) {
    auto problem = services->initialize(development_start_limit);
    if (!problem)
      problem = dbs::demo::run(system, *services);
    if (problem) {
      complain(problem);
      return exit_failed;
    }
    dbs::demo::print_what_next(*services, own_directory());
    if (what.once)
      return 0;
    fmt::print("\nthe node stays up; end it with Ctrl-C\n");
    std::fflush(stdout);
  }
  int signal = 0;
  sigwait(&signals, &signal);
  services->shutdown();
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  dbs::init();
  command_line what;
  what.sources.environment = dbs::read_process_environment();
  std::string file;
  std::vector<std::string> assignments;
  CLI::App app{"dbsd: a node of DatabaseServices. Every setting can be given as --set KEY=VALUE, "
               "as an environment variable or in a TOML file; docs/configuration.md lists them."};
  app.add_option("--config", file, "TOML file with settings")->check(CLI::ExistingFile);
  app.add_option("--mode", what.sources.mode,
                 "preset: mcp_server, ml_training, admin, async_modern, ha");
  app.add_option("--set", assignments, "a setting, as KEY=VALUE; may be repeated")
      ->allow_extra_args(false);
  app.add_flag("--dev", what.sources.development,
               "bring a private PostgreSQL and Redis along, removed at exit");
  app.add_flag("--check-config", what.check_config,
               "say whether the configuration is valid, and end");
  auto* demo = app.add_flag("--demo", what.demo, "load a catalogue, run a workload, show figures");
  app.add_flag("--once", what.once, "end after the figures")->needs(demo);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : exit_usage;
  }
  if (!file.empty())
    what.sources.file = file;
  for (auto& x : assignments) {
    auto split = x.find('=');
    if (split == std::string::npos) {
      fmt::print(stderr, "dbsd: --set wants KEY=VALUE, not '{}'\n", x);
      return exit_usage;
    }
    what.sources.flags.emplace_back(x.substr(0, split), x.substr(split + 1));
  }
  try {
    return run_node(what);
  } catch (const std::exception& e) {
    fmt::print(stderr, "dbsd: {}\n", e.what());
    return exit_failed;
  }
}
