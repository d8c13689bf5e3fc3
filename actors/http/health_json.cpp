#include "dbs/actors/http/health_json.hpp"

#include "dbs/actors/postgres_pool/pool_id.hpp"
#include "dbs/runtime/observe/json.hpp"

#include <nlohmann/json.hpp>

#include <chrono>

namespace dbs {

std::string public_name(const std::string& child) {
  auto pool = pool_id("");
  auto is_pool = child == pool || child.starts_with(pool + ".");
  return is_pool ? "database" + child.substr(pool.size()) : child;
}

nlohmann::json to_json(const health_report& report) {
  auto result = observe::to_json(report.fields);
  result["status"] = to_string(report.status);
  if (!report.detail.empty())
    result["detail"] = report.detail;
  return result;
}

nlohmann::json to_json(const services_health& health) {
  auto result = nlohmann::json::object();
  for (auto& x : health.components)
    result[public_name(x.component)] = to_json(x);
  result["overall"] = {{"status", to_string(health.overall)},
                       {"ready", health.ready},
                       {"age_ms", std::chrono::duration<double, std::milli>{health.age}.count()}};
  return result;
}

} // namespace dbs
