#include "commands.hpp"

#include "answers.hpp"
#include "exit_codes.hpp"
#include "render.hpp"
#include "terminal.hpp"
#include "url_path.hpp"

#include "dbs/config/load.hpp"
#include "dbs/config/show.hpp"
#include "dbs/runtime/observe/configuration.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <thread>

namespace dbs::ctl {

namespace {

constexpr caf::timespan wait_pause = std::chrono::milliseconds{50};

const nlohmann::json setting_columns{"setting", "value", "origin"};

/// Says nothing of the default pool, so that a node without other pools understands it.
nlohmann::json for_pool(const std::string& pool, nlohmann::json body) {
  if (!pool.empty())
    body["pool"] = pool;
  return body;
}

} // namespace

int show_stats(const options& how, const std::string& service, const std::string& pool) {
  return finish(
      how,
      how.node().get("/v1/stats/" + encode_segment(pool.empty() ? service : service + "." + pool),
                     how.timeout()));
}

int show_holders(const options& how, const std::string& pool) {
  auto target = "/v1/pool/holders" + (pool.empty() ? "" : "/" + encode_segment(pool));
  return finish(how, how.node().get(target, how.timeout()));
}

int show_health(const options& how) {
  auto answer = how.node().get("/v1/health", how.timeout());
  if (!answer)
    return complain(answer.error());
  // 503 means unhealthy here, and the body says who.
  auto overall = answer->body.find("overall");
  if (overall == answer->body.end() || !overall->is_object())
    return complain(how, *answer);
  print(how, answer->body);
  return overall->value("status", "") == "healthy" ? ok : unhealthy;
}

int show_tree(const options& how, tree_form form) {
  auto answer = how.node().get("/v1/tree", how.timeout());
  if (!answer || !answer->ok() || how.json)
    return finish(how, answer);
  auto& children = answer->body["children"];
  if (form == tree_form::table) {
    for (auto& child : children) {
      child.erase("dependencies");
      child.erase("front");
    }
    fmt::print("{}", render(children));
  } else {
    fmt::print("{}", render_dependencies(children, form == tree_form::dot));
  }
  return ok;
}

int wait_ready(const options& how, caf::timespan limit) {
  using clock = std::chrono::steady_clock;
  auto deadline = clock::now() + limit;
  for (;;) {
    auto left = std::max(caf::timespan{deadline - clock::now()}, wait_pause);
    auto answer = how.node().get("/health/ready", std::min(left, how.timeout()));
    if (answer && answer->ok()) {
      print(how, answer->body);
      return ok;
    }
    if (clock::now() + wait_pause >= deadline) {
      if (!answer)
        return complain(answer.error());
      say("not ready: " + answer->body.dump());
      return failed_check;
    }
    std::this_thread::sleep_for(wait_pause);
  }
}

int resize_pool(const options& how, const std::string& pool, const std::string& what,
                int64_t size) {
  auto body = for_pool(pool, {{"what", what}, {"size", size}});
  return finish(how, how.node().post("/v1/pool/resize", body, how.timeout()));
}

int run_sql(const options& how, const std::string& pool, const std::string& statement,
            const std::vector<std::string>& params) {
  auto body =
      for_pool(pool, {{"sql", statement}, {"params", params}, {"timeout_ms", how.timeout_ms}});
  auto answer = how.node().post("/v1/sql", body, how.timeout() + node_grace);
  if (!answer || !answer->ok() || how.json)
    return finish(how, answer);
  auto& result = answer->body;
  if (!result["columns"].empty())
    fmt::print("{}", render_rows(result["columns"], result["rows"]));
  fmt::print("{}\n", printable(result["command_tag"].get<std::string>()));
  if (result["truncated"].get<bool>())
    say("there are more rows than shown");
  return ok;
}

int show_own_configuration(const options& how, const std::optional<std::string>& mode,
                           const std::string& file) {
  config_sources sources;
  sources.environment = read_process_environment();
  sources.mode_flag = mode;
  if (!file.empty())
    sources.file = file;
  sources.require_targets = false;
  auto loaded = load_settings(sources);
  if (!loaded)
    return complain(loaded.error());
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

int show_node_configuration(const options& how) {
  auto answer = how.node().get("/v1/config", how.timeout());
  if (!answer || !answer->ok() || how.json)
    return finish(how, answer);
  auto rows = nlohmann::json::array();
  auto origins = answer->body.value("origins", nlohmann::json::object());
  for (auto& [key, origin] : origins.items()) {
    auto path = "/" + key;
    std::replace(path.begin(), path.end(), '.', '/');
    auto value = nlohmann::json::json_pointer{path};
    if (answer->body.contains(value))
      rows.push_back({key, answer->body.at(value), origin});
  }
  fmt::print("{}", render_rows(setting_columns, rows));
  return ok;
}

} // namespace dbs::ctl
