// dbsctl: operates a node of DatabaseServices over its Unix socket.
//
// Nouns, then verbs; --json prints what programs want; exit codes are stable.
#include "command_line.hpp"
#include "commands.hpp"
#include "exit_codes.hpp"

#include "dbs/apps/failure_message.hpp"
#include "dbs/config/database_name.hpp"
#include "dbs/config/duration.hpp"
#include "dbs/messages/init.hpp"

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dbs::ctl {

namespace {

/// An empty one would be the default pool's, which nobody has meant.
std::string check_pool_name(const std::string& text) {
  return is_database_name(text) ? "" : "must be " + std::string{database_name_grammar};
}

int run(int argc, char** argv) {
  options how;
  action chosen;
  CLI::App app{
      "dbsctl: operates a node of DatabaseServices. Exit codes: 0 ok, 1 failed check, "
      "2 usage, 3 cannot reach the node, 4 refused by the node, 5 outcome unknown, 10 unhealthy."};
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--socket", how.socket,
                 "the node's Unix socket; default: " + default_socket_path())
      ->envname("DBS_HTTP_SOCKET");
  app.add_flag("--json", how.json, "print JSON");
  app.add_option("--timeout-ms", how.timeout_ms, "for the node's answer, or for the statement")
      ->check(CLI::Range(int64_t{1}, int64_t{86'400'000}));

  auto add = [&chosen](CLI::App& parent, const char* name, const char* text, action what) {
    return add_command(parent, chosen, name, text, std::move(what));
  };
  add(app, "health", "the health of all services; exit code 10 unless healthy",
      [&] { return show_health(how); });

  bool deps = false;
  bool dot = false;
  auto* tree = add(app, "tree", "the supervised children and their states", [&] {
    return show_tree(how, dot ? tree_form::dot : deps ? tree_form::dependencies : tree_form::table);
  });
  tree->add_flag("--deps", deps, "who depends on whom instead");
  tree->add_flag("--dot", dot, "that as a graph for Graphviz");

  std::string limit = "30s";
  auto* wait = add(app, "wait", "wait until the node is ready",
                   [&] { return wait_ready(how, *parse_duration(limit)); });
  wait->add_flag("--ready")->description("the only thing to wait for, and the default");
  wait->add_option("--timeout", limit, "for how long: 30s, 500ms, or a number of seconds")
      ->check(check_duration);

  std::string pool_name;
  auto of_pool = [&pool_name](CLI::App& command) {
    command.add_option("--pool", pool_name, "the pool of [databases.NAME]; default: of [database]")
        ->option_text("NAME")
        ->check(check_pool_name);
  };

  std::string service;
  auto* stats = add(app, "stats", "the figures of a service: pool, redis, cache, health, http",
                    [&] { return show_stats(how, service, pool_name); });
  stats->add_option("service", service)->required();
  of_pool(*stats);

  auto* pool = app.add_subcommand("pool", "the PostgreSQL pool")->require_subcommand(1);
  int64_t size = 0;
  bool overflow = false;
  auto* resize = add(*pool, "resize", "change the size of the running pool", [&] {
    return resize_pool(how, pool_name, overflow ? "max_overflow" : "pool_size", size);
  });
  resize->add_option("size", size)->required();
  resize->add_flag("--overflow", overflow, "change the overflow instead");
  of_pool(*resize);
  auto* holders = add(*pool, "holders", "who holds connections, and for how long",
                      [&] { return show_holders(how, pool_name); });
  of_pool(*holders);

  std::string statement;
  std::vector<std::string> params;
  auto* sql = add(app, "sql", "run one statement through the pool",
                  [&] { return run_sql(how, pool_name, statement, params); });
  sql->add_option("statement", statement)->required();
  sql->add_option("params", params, "values of $1, $2, ... as text");
  of_pool(*sql);

  auto* config = app.add_subcommand("config", "settings")->require_subcommand(1);
  bool of_node = false;
  std::optional<std::string> mode;
  std::string file;
  auto* show_config =
      add(*config, "show", "this shell's settings, or a node's; secrets are masked", [&] {
        return of_node ? show_node_configuration(how) : show_own_configuration(how, mode, file);
      });
  show_config->add_flag("--node", of_node, "what the running node uses");
  show_config->add_option("--mode", mode, "preset");
  show_config->add_option("--config", file, "TOML file")->check(CLI::ExistingFile);

  add_cache_commands(app, how, chosen);
  add_checks(app, how, chosen);

  app.failure_message(&failure_message);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? ok : usage;
  }
  auto result = chosen();
  // An empty file must not look like an answer.
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    fmt::print(stderr, "dbsctl: cannot write the output: {}\n", std::strerror(errno));
    return result == ok ? failed_check : result;
  }
  return result;
}

} // namespace

} // namespace dbs::ctl

int main(int argc, char** argv) {
  dbs::init();
  try {
    return dbs::ctl::run(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "dbsctl: {}\n", e.what());
    return dbs::ctl::failed_check;
  }
}
