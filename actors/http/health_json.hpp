// The health of the services as JSON: what HTTP answers, for whoever shows it elsewhere.
#pragma once

#include "dbs/messages/health/health.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace dbs {

/// The name of a child in URLs and reports: the pool is "database", a named one
/// "database.NAME", all others go by their id.
std::string public_name(const std::string& child);

nlohmann::json to_json(const health_report& report);

/// One key per component, and "overall".
nlohmann::json to_json(const services_health& health);

} // namespace dbs
