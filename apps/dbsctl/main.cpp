// dbsctl: operates a node of DatabaseServices over its Unix socket.
//
// Nouns, then verbs; --json prints what programs want; exit codes are stable.
#include "exit_codes.hpp"
#include "node_client.hpp"
#include "render.hpp"

#include "dbs/config/load.hpp"
#include "dbs/config/show.hpp"
#include "dbs/config/socket_path.hpp"
#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/init.hpp"
#include "dbs/runtime/observe/configuration.hpp"

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace dbs::ctl {

namespace {

struct options {
  std::string socket = default_socket_path();
  bool json = false;
  int64_t timeout_ms = 10'000;

  node_client node() const { return {socket, std::chrono::milliseconds{timeout_ms}}; }
};

void print(const options& how, const nlohmann::json& body) {
  fmt::print("{}", how.json ? body.dump(2) + "\n" : render(body));
}

int complain(const caf::error& reason) {
  fmt::print(stderr, "dbsctl: {}\n", describe(reason));
  return cannot_reach;
}

/// The node refused: its error is what the user needs to see.
int complain(const options& how, const node_answer& answer) {
  if (how.json)
    fmt::print("{}\n", answer.body.dump(2));
  fmt::print(stderr, "dbsctl: {}: {}{}\n", answer.body.value("error", "error"),
             answer.body.value("message", "the node refused"),
             answer.body.contains("sqlstate")
                 ? " [" + answer.body["sqlstate"].get<std::string>() + "]"
                 : "");
  return refused;
}

int show(const options& how, const caf::expected<node_answer>& answer) {
  if (!answer)
    return complain(answer.error());
  if (!answer->ok())
    return complain(how, *answer);
  print(how, answer->body);
  return ok;
}

int health(const options& how) {
  auto answer = how.node().get("/v1/health");
  if (!answer)
    return complain(answer.error());
  // 503 means unhealthy here, and the body says who.
  if (!answer->body.contains("overall"))
    return complain(how, *answer);
  print(how, answer->body);
  return answer->body["overall"].value("status", "") == "healthy" ? ok : unhealthy;
}

int wait_ready(const options& how, int64_t limit_ms) {
  auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds{limit_ms};
  for (;;) {
    auto answer = how.node().get("/health/ready");
    if (answer && answer->ok()) {
      print(how, answer->body);
      return ok;
    }
    if (std::chrono::steady_clock::now() >= deadline) {
      if (!answer)
        return complain(answer.error());
      fmt::print(stderr, "dbsctl: not ready: {}\n", answer->body.dump());
      return failed_check;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
  }
}

int sql(const options& how, const std::string& statement, const std::vector<std::string>& params) {
  auto answer = how.node().post(
      "/v1/sql", {{"sql", statement}, {"params", params}, {"timeout_ms", how.timeout_ms}});
  if (!answer)
    return complain(answer.error());
  if (!answer->ok())
    return complain(how, *answer);
  if (how.json) {
    print(how, answer->body);
    return ok;
  }
  if (!answer->body["columns"].empty())
    fmt::print("{}", render_rows(answer->body["columns"], answer->body["rows"]));
  fmt::print("{}\n", answer->body["command_tag"].get<std::string>());
  if (answer->body["truncated"].get<bool>())
    fmt::print(stderr, "dbsctl: there are more rows than shown\n");
  return ok;
}

int resize(const options& how, const std::string& what, int64_t size) {
  return show(how, how.node().post("/v1/pool/resize", {{"what", what}, {"size", size}}));
}

int tree(const options& how) {
  auto answer = how.node().get("/v1/tree");
  if (!answer)
    return complain(answer.error());
  if (!answer->ok())
    return complain(how, *answer);
  print(how, how.json ? answer->body : answer->body["children"]);
  return ok;
}

const nlohmann::json setting_columns{"setting", "value", "origin"};

/// What this shell's environment and files say, without asking a node.
int show_own_configuration(const options& how, const std::string& mode, const std::string& file) {
  config_sources sources;
  sources.environment = read_process_environment();
  if (!mode.empty())
    sources.flags.emplace_back("mode", mode);
  if (!file.empty())
    sources.file = file;
  sources.require_targets = false;
  auto loaded = load_settings(sources);
  if (!loaded) {
    fmt::print(stderr, "dbsctl: {}\n", describe(loaded.error()));
    return failed_check;
  }
  if (how.json) {
    fmt::print("{}", observe::configuration_json(*loaded));
    return ok;
  }
  auto rows = nlohmann::json::array();
  for (auto& x : describe_settings(*loaded))
    rows.push_back({x.key, x.text, x.origin});
  fmt::print("{}", render_rows(setting_columns, rows));
  return ok;
}

/// What the running node uses.
int show_node_configuration(const options& how) {
  auto answer = how.node().get("/v1/config");
  if (!answer || !answer->ok() || how.json)
    return show(how, answer);
  auto rows = nlohmann::json::array();
  for (auto& [key, origin] : answer->body.at("origins").items()) {
    auto path = "/" + key;
    std::replace(path.begin(), path.end(), '.', '/');
    rows.push_back({key, answer->body.at(nlohmann::json::json_pointer{path}), origin});
  }
  fmt::print("{}", render_rows(setting_columns, rows));
  return ok;
}

int run(int argc, char** argv) {
  options how;
  std::function<int()> action;
  CLI::App app{"dbsctl: operates a node of DatabaseServices. Exit codes: 0 ok, 1 failed check, "
               "2 usage, 3 cannot reach the node, 4 refused by the node, 10 unhealthy."};
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--socket", how.socket, "the node's Unix socket")->envname("DBS_HTTP_SOCKET");
  app.add_flag("--json", how.json, "print JSON");
  app.add_option("--timeout-ms", how.timeout_ms, "for the node's answer")
      ->check(CLI::Range(int64_t{1}, int64_t{86'400'000}));

  auto add = [&action](CLI::App& parent, const char* name, const char* text,
                       std::function<int()> what) {
    auto* result = parent.add_subcommand(name, text);
    result->final_callback([&action, what] { action = what; });
    return result;
  };
  add(app, "health", "the health of all services; exit code 10 unless healthy",
      [&] { return health(how); });
  add(app, "tree", "the supervised children and their states", [&] { return tree(how); });

  int64_t wait_ms = 30'000;
  auto* wait =
      add(app, "wait", "wait until the node is ready", [&] { return wait_ready(how, wait_ms); });
  wait->add_flag("--ready")->description("the only thing to wait for, and the default");
  wait->add_option("--timeout", wait_ms, "for how long, such as 30s or 500ms")
      ->transform(CLI::AsNumberWithUnit(
          std::map<std::string, int64_t>{{"ms", 1}, {"s", 1000}, {"min", 60'000}}));

  std::string child;
  auto* stats = add(app, "stats", "the figures of a service: pool, redis, health, http",
                    [&] { return show(how, how.node().get("/v1/stats/" + child)); });
  stats->add_option("service", child)->required();

  auto* pool = app.add_subcommand("pool", "the PostgreSQL pool")->require_subcommand(1);
  int64_t size = 0;
  bool overflow = false;
  auto* resize_pool = add(*pool, "resize", "change the size of the running pool", [&] {
    return resize(how, overflow ? "max_overflow" : "pool_size", size);
  });
  resize_pool->add_option("size", size)->required();
  resize_pool->add_flag("--overflow", overflow, "change the overflow instead");
  add(*pool, "holders", "who holds connections, and for how long",
      [&] { return show(how, how.node().get("/v1/pool/holders")); });

  std::string statement;
  std::vector<std::string> params;
  auto* run_sql = add(app, "sql", "run one statement through the pool",
                      [&] { return sql(how, statement, params); });
  run_sql->add_option("statement", statement)->required();
  run_sql->add_option("params", params, "values of $1, $2, ... as text");

  auto* config = app.add_subcommand("config", "settings")->require_subcommand(1);
  bool of_node = false;
  std::string mode;
  std::string file;
  auto* show_config =
      add(*config, "show", "this shell's settings, or a node's; secrets are masked", [&] {
        return of_node ? show_node_configuration(how) : show_own_configuration(how, mode, file);
      });
  show_config->add_flag("--node", of_node, "what the running node uses");
  show_config->add_option("--mode", mode, "preset");
  show_config->add_option("--config", file, "TOML file")->check(CLI::ExistingFile);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? ok : usage;
  }
  return action();
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
