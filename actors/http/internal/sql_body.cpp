#include "dbs/actors/http/internal/sql_body.hpp"

#include "dbs/actors/http/internal/json_body.hpp"
#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/postgres/types.hpp"

namespace dbs::internal {

namespace {

caf::error refused(const std::string& what) {
  return fail(errc::invalid_argument, what);
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

caf::expected<sql_body> parse_sql_body(const std::string& body) {
  auto parsed = parse_body(body, {"sql", "params", "timeout_ms", "pool"});
  if (!parsed)
    return std::move(parsed.error());
  auto& object = *parsed;
  if (!object.contains("sql") || !object["sql"].is_string())
    return refused("'sql' must be a string");
  sql_body result;
  result.statement.sql = object["sql"].get<std::string>();
  result.statement.prepare = false;
  if (auto problem = take_pool(object, result.pool))
    return problem;
  if (object.contains("params")) {
    if (!object["params"].is_array())
      return refused("'params' must be an array");
    for (auto& x : object["params"])
      if (auto reason = add_param(result.statement.params, x, result.statement.params.size() + 1))
        return reason;
  }
  if (auto problem = take_timeout(object, result.timeout))
    return problem;
  return result;
}

} // namespace dbs::internal
