// Answers for people; `--json` prints the node's JSON instead.
#pragma once

#include <nlohmann/json.hpp>

#include <string>

namespace dbs::ctl {

/// "a.b  value" lines, aligned; arrays of objects become tables.
std::string render(const nlohmann::json& value);

/// A result set as a table with a header line.
std::string render_rows(const nlohmann::json& columns, const nlohmann::json& rows);

} // namespace dbs::ctl
