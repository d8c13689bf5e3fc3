#include "dbs/actors/http/internal/views.hpp"

#include "dbs/actors/postgres_pool/pool_id.hpp"
#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/observe/json.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>

namespace dbs::internal {

namespace {

double in_ms(caf::timespan x) {
  return std::chrono::duration<double, std::milli>{x}.count();
}

nlohmann::json cell(const pg_row& row, const pg_column& column, size_t index) {
  // The type oids of pg_type.dat.
  constexpr uint32_t oid_bool = 16, oid_int8 = 20, oid_int2 = 21, oid_int4 = 23, oid_float4 = 700,
                     oid_float8 = 701;
  if (row.is_null(index))
    return nullptr;
  switch (column.type_oid) {
  case oid_bool:
    if (auto x = row.get<bool>(index))
      return *x;
    break;
  case oid_int2:
  case oid_int4:
  case oid_int8:
    if (auto x = row.get<int64_t>(index))
      return *x;
    break;
  case oid_float4:
  case oid_float8:
    if (auto x = row.get<double>(index))
      return *x;
    break;
  default:
    break;
  }
  return std::string{row.text(index)};
}

unsigned http_status(errc code) {
  switch (code) {
  case errc::invalid_argument:
  case errc::config_invalid:
    return 400;
  case errc::unauthenticated:
    return 401;
  case errc::forbidden:
    return 403;
  case errc::not_found:
    return 404;
  case errc::query_failed:
    return 422;
  case errc::rate_limited:
    return 429;
  case errc::payload_too_large:
    return 413;
  case errc::deadline_exceeded:
    return 504;
  case errc::in_doubt:
  case errc::protocol_error:
    return 502;
  default:
    return 503;
  }
}

} // namespace

std::string child_id(const std::string& name) {
  auto dot = std::min(name.find('.'), name.size());
  auto kind = name.substr(0, dot);
  return kind == "database" || kind == "pool" ? pool_id("") + name.substr(dot) : name;
}

nlohmann::json to_json(const std::vector<child_info>& tree) {
  auto children = nlohmann::json::array();
  for (auto& x : tree)
    children.push_back({{"id", x.id},
                        {"state", to_string(x.state)},
                        {"incarnation", x.incarnation},
                        {"restarts", x.restarts},
                        {"in_state_ms", in_ms(x.in_state)},
                        {"dependencies", x.dependencies},
                        {"last_error", x.last_error},
                        {"front",
                         {{"stashed", x.front.stashed},
                          {"refused", x.front.refused},
                          {"expired", x.front.expired}}}});
  return {{"id", "supervisor"}, {"children", std::move(children)}};
}

nlohmann::json to_json(const std::vector<pg_holder>& holders) {
  auto result = nlohmann::json::array();
  for (auto& x : holders)
    result.push_back({{"lease", x.lease.id},
                      {"owner", x.owner},
                      {"owner_name", x.owner_name},
                      {"age_ms", in_ms(x.age)},
                      {"leaking", x.leaking},
                      {"in_transaction", x.in_transaction},
                      {"statement", x.statement}});
  return result;
}

nlohmann::json to_json(const pg_result& result, const result_limits& limits) {
  auto columns = nlohmann::json::array();
  for (size_t i = 0; i < result.columns(); ++i)
    columns.push_back(std::string{result.column_name(i)});
  auto rows = nlohmann::json::array();
  size_t bytes = 0;
  for (auto row : result) {
    for (size_t i = 0; i < result.columns(); ++i)
      bytes += row.text(i).size();
    if (rows.size() == limits.rows || bytes > limits.bytes)
      break;
    auto cells = nlohmann::json::array();
    for (size_t i = 0; i < result.columns(); ++i)
      cells.push_back(cell(row, result.column(i), i));
    rows.push_back(std::move(cells));
  }
  return {{"columns", std::move(columns)},
          {"truncated", result.rows() > rows.size()},
          {"rows", std::move(rows)},
          {"command_tag", std::string{result.command_tag()}},
          {"affected_rows", result.affected_rows()}};
}

std::vector<observe::family_snapshot> to_families(const std::vector<child_info>& tree) {
  using observe::metric_kind;
  std::vector<observe::family_snapshot> result;
  if (tree.empty())
    return result;
  auto add = [&](const char* name, const char* help, metric_kind kind, auto read) {
    auto& family = result.emplace_back(observe::family_snapshot{name, help, kind, {}});
    for (auto& x : tree)
      family.series.push_back({{{"child", x.id}}, read(x)});
  };
  add("dbs_front_expired_total", "Waited for the child's start for too long.", metric_kind::counter,
      [](const child_info& x) { return x.front.expired; });
  add("dbs_front_refused_total", "Answered with an error because there was no child.",
      metric_kind::counter, [](const child_info& x) { return x.front.refused; });
  add("dbs_front_stashed_total", "Had to wait for the child's start.", metric_kind::counter,
      [](const child_info& x) { return x.front.stashed; });
  add("dbs_supervisor_child_restarts_total", "Deaths that were followed by a new start.",
      metric_kind::counter, [](const child_info& x) { return x.restarts; });
  add("dbs_supervisor_child_up", "1 once the running incarnation has been ready.",
      metric_kind::gauge,
      [](const child_info& x) { return x.state == child_state::up ? 1.0 : 0.0; });
  return result;
}

std::vector<observe::family_snapshot> to_families(const observe::log_stats& stats) {
  std::vector<observe::family_snapshot> result;
  auto add = [&result](const char* name, const char* help, uint64_t value) {
    result.push_back({name, help, observe::metric_kind::counter, {{{}, value}}});
  };
  add("dbs_log_dropped_total", "Lines for which there was no room.", stats.dropped);
  add("dbs_log_failed_total", "Lines that could not be written.", stats.failed);
  add("dbs_log_suppressed_total", "Lines that were held back as repetitions.", stats.suppressed);
  add("dbs_log_written_total", "Lines that were written.", stats.written);
  return result;
}

unsigned http_status(health_status status) {
  return status == health_status::unhealthy ? 503 : 200;
}

http_response to_response(const caf::error& reason) {
  auto info = detail(reason);
  auto code = reason.category() == caf::type_id_v<errc> ? static_cast<errc>(reason.code())
                                                        : errc::restarted;
  nlohmann::json body{{"error", to_string(code)}, {"message", info.what}};
  if (!info.sqlstate.empty())
    body["sqlstate"] = info.sqlstate;
  if (!info.fields.empty())
    body["fields"] = observe::to_json(info.fields);
  return json_response(body, http_status(code));
}

http_response json_response(const nlohmann::json& body, unsigned status) {
  // Text from a database need not be valid UTF-8; an answer must be.
  return {status, "application/json",
          body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"};
}

} // namespace dbs::internal
