#include "dbs/actors/http/sql_request.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/postgres/types.hpp"

#include <nlohmann/json.hpp>

namespace dbs {

namespace {

constexpr int64_t max_timeout_ms = 24 * 3600 * 1000;

caf::error refused(const std::string& what) {
  return fail(errc::invalid_argument, what);
}

/// Parses an object whose members are all in `known`.
caf::expected<nlohmann::json> parse_object(const std::string& body,
                                           std::initializer_list<const char*> known) {
  auto result = nlohmann::json::parse(body, nullptr, false);
  if (!result.is_object())
    return refused("the body must be a JSON object");
  for (auto& [key, value] : result.items())
    if (std::find(known.begin(), known.end(), key) == known.end())
      return refused("unknown member '" + key + "'");
  return result;
}

caf::error add_param(pg_params& out, const nlohmann::json& x, size_t number) {
  if (x.is_null())
    out.add(nullptr);
  else if (x.is_boolean())
    out.add(x.get<bool>());
  else if (x.is_number_unsigned())
    out.add(x.get<uint64_t>());
  else if (x.is_number_integer())
    out.add(x.get<int64_t>());
  else if (x.is_number_float())
    out.add(x.get<double>());
  else if (x.is_string())
    out.add(x.get_ref<const std::string&>());
  else
    return refused("$" + std::to_string(number) + " must be null, a boolean, a number or a string");
  return {};
}

} // namespace

caf::expected<sql_request> parse_sql_request(const std::string& body) {
  auto parsed = parse_object(body, {"sql", "params", "timeout_ms"});
  if (!parsed)
    return std::move(parsed.error());
  auto& object = *parsed;
  if (!object.contains("sql") || !object["sql"].is_string())
    return refused("'sql' must be a string");
  sql_request result;
  result.statement.sql = object["sql"].get<std::string>();
  result.statement.prepare = false;
  if (object.contains("params")) {
    if (!object["params"].is_array())
      return refused("'params' must be an array");
    for (auto& x : object["params"])
      if (auto reason = add_param(result.statement.params, x, result.statement.params.size() + 1))
        return reason;
  }
  if (object.contains("timeout_ms")) {
    auto& timeout = object["timeout_ms"];
    if (!timeout.is_number_integer() || timeout.get<int64_t>() < 1 ||
        timeout.get<int64_t>() > max_timeout_ms)
      return refused("'timeout_ms' must be a number from 1 to " + std::to_string(max_timeout_ms));
    result.timeout = std::chrono::milliseconds{timeout.get<int64_t>()};
  }
  return result;
}

caf::expected<resize_request> parse_resize_request(const std::string& body) {
  auto parsed = parse_object(body, {"what", "size"});
  if (!parsed)
    return std::move(parsed.error());
  auto& object = *parsed;
  if (!object.contains("what") || !object["what"].is_string())
    return refused("'what' must be a string");
  if (!object.contains("size") || !object["size"].is_number_integer())
    return refused("'size' must be an integer");
  return resize_request{object["what"].get<std::string>(), object["size"].get<int64_t>()};
}

} // namespace dbs
