// dbsd: a node of DatabaseServices.
//
// Exit codes: 0 ended as asked, which a signal to a running node is too; 1 failed;
// 2 wrong usage or configuration; 128 + n when signal n came before the servers or
// the demonstration were through.
#include "demo/demo.hpp"
#include "development_servers.hpp"
#include "termination.hpp"
#include "what_next.hpp"

#include "dbs/actors/services.hpp"
#include "dbs/apps/failure_message.hpp"
#include "dbs/config/file_access.hpp"
#include "dbs/config/load.hpp"
#include "dbs/config/url_mask.hpp"
#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/init.hpp"
#include "dbs/runtime/caf/program_config.hpp"

#include <CLI/CLI.hpp>
#include <caf/actor_system.hpp>
#include <fmt/core.h>

#include <cstdio>
#include <memory>
#include <string>

namespace {

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;
constexpr int exit_signal = 128;

constexpr caf::timespan development_start_limit = std::chrono::seconds{30};

struct command_line {
  dbs::config_sources sources;
  bool development = false;
  bool check_config = false;
  bool demo = false;
  bool once = false;
  int64_t demo_seconds = 10;
};

// -- failures ----------------------------------------------------------------------

void complain(const std::string& what, const std::string& what_to_do) {
  fmt::print(stderr, "dbsd: {}\n  what to do: {}\n", what, what_to_do);
}

int refuse(const caf::error& reason) {
  complain(dbs::describe(reason),
           "mend what is named above; docs/configuration.md lists all settings, `dbsctl config "
           "show` says where each value comes from");
  return exit_usage;
}

int fail_to_serve(const caf::error& reason) {
  complain(dbs::describe(reason),
           "run it again with --set log.level=info, which shows what each manager waits for");
  return exit_failed;
}

/// The demonstration makes tables, which is for a database of its own only.
int refuse_demo(const dbs::setting_origin& origin) {
  complain("--demo needs the private PostgreSQL of --dev, but database.url is given: " +
               dbs::to_string(origin),
           "take that away (env -u DATABASE_URL), or leave --demo out");
  return exit_usage;
}

// -- a node ------------------------------------------------------------------------

/// Runs until there is nothing left to do, or a signal comes.
int serve(const command_line& what, const dbs::termination& end, caf::actor_system& system,
          const dbs::database_services& services, const dbs::development_servers* servers) {
  if (servers != nullptr) {
    auto problem = services.initialize(development_start_limit);
    if (!problem && what.demo)
      problem =
          dbs::demo::run(system, services, {std::chrono::seconds{what.demo_seconds}, end.token()});
    if (end.requested())
      return what.demo ? exit_signal + end.signal() : 0;
    if (problem && what.demo)
      return fail_to_serve(problem);
    if (problem) // with a server that was given: the node lives, and gets ready by itself
      complain(dbs::describe(problem), "see the `tree` line below for who is not ready, and why");
    auto sql = what.demo ? "'select name, price_cents from product where id = $1' 42"
                         : "'select version()'";
    dbs::print_what_next(services, servers->urls(), sql);
    fmt::print("\n{}\n", what.once ? "the node ends; without --once it stays up for these lines"
                                   : "the node stays up; end it with Ctrl-C");
    std::fflush(stdout);
    if (what.once)
      return 0;
  }
  end.wait();
  return 0;
}

int run_node(command_line& what, const dbs::termination& end) {
  auto& sources = what.sources;
  sources.require_targets = !what.development;
  if (what.development)
    sources.development = {{"http.port", "0"}, {"log.level", "warning"}};
  auto configuration = dbs::load_settings(sources);
  if (!configuration)
    return refuse(configuration.error());
  auto& database_origin = configuration->origins.at("database.url");
  if (what.demo && database_origin.source != dbs::setting_source::builtin)
    return refuse_demo(database_origin);
  if (what.check_config) {
    if (auto problem = dbs::check_file_access(*configuration))
      return refuse(problem);
    fmt::print("the configuration is valid\n");
    return 0;
  }
  std::unique_ptr<dbs::development_servers> servers;
  if (what.development) {
    fmt::print("starting a private PostgreSQL and a private Redis, unless they are given ...\n");
    std::fflush(stdout);
    servers = std::make_unique<dbs::development_servers>(*configuration, end.token());
    if (end.requested())
      return exit_signal + end.signal();
    auto own = servers->settings();
    sources.development.insert(sources.development.end(), own.begin(), own.end());
    sources.require_targets = true;
    configuration = dbs::load_settings(sources);
    if (!configuration)
      return refuse(configuration.error());
  }
  dbs::program_config config;
  caf::actor_system system{config};
  auto services = dbs::create_database_services(system, {std::move(*configuration), true});
  if (!services)
    return services.error() == dbs::errc::config_invalid ? refuse(services.error())
                                                         : fail_to_serve(services.error());
  // Whatever waits for an answer when the signal comes is answered by the shutdown.
  std::stop_callback on_signal{end.token(), [&services] { services->shutdown(); }};
  auto result = serve(what, end, system, *services, servers.get());
  services->shutdown();
  return result;
}

} // namespace

int main(int argc, char** argv) {
  command_line what;
  std::string file;
  std::vector<std::string> assignments;
  CLI::App app{"dbsd: a node of DatabaseServices. Every setting can be given as --set KEY=VALUE, "
               "as an environment variable or in a TOML file; docs/configuration.md lists them."};
  app.footer("Exit codes: 0 ended as asked, 1 failed, 2 wrong usage or configuration, 128 + n "
             "when signal n came before the private servers or the demonstration were through.");
  app.add_option("--config", file, "TOML file with settings")->check(CLI::ExistingFile);
  app.add_option("--mode", what.sources.mode_flag,
                 "preset: mcp_server, ml_training, admin, async_modern, ha");
  app.add_option("--set", assignments, "a setting, as KEY=VALUE; may be repeated")
      ->allow_extra_args(false);
  auto* development =
      app.add_flag("--dev", what.development,
                   "bring a private PostgreSQL and Redis along where no URL is given, removed at "
                   "exit");
  app.add_flag("--check-config", what.check_config,
               "say whether the configuration is valid, and end; starts nothing");
  auto* demo = app.add_flag("--demo", what.demo,
                            "fill the private PostgreSQL with a generated catalogue, run a "
                            "workload, show figures")
                   ->needs(development);
  app.add_option("--demo-seconds", what.demo_seconds, "how long the workload runs")
      ->needs(demo)
      ->check(CLI::Range(int64_t{1}, int64_t{3600}))
      ->capture_default_str();
  app.add_flag("--once", what.once, "end after the figures")->needs(demo);
  app.failure_message(&dbs::failure_message);
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
      complain("--set wants KEY=VALUE, not '" + dbs::mask_text(x) + "'",
               "write --set database.pool_size=10");
      return exit_usage;
    }
    what.sources.flags.emplace_back(x.substr(0, split), x.substr(split + 1));
  }
  try {
    dbs::termination end;
    dbs::init();
    what.sources.environment = dbs::read_process_environment();
    return run_node(what, end);
  } catch (const std::exception& e) {
    complain(e.what(), "mend that and run it again; --dev needs the packages that scripts/setup "
                       "installs, and room in TMPDIR or /tmp");
    return exit_failed;
  }
}
