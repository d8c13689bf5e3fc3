// Answers for people; `--json` prints the node's JSON instead.
#pragma once

#include <nlohmann/json.hpp>

#include <string>

namespace dbs::ctl {

/// "a.b  value" lines, aligned; arrays of objects become tables.
std::string render(const nlohmann::json& value);

/// Who depends on whom: "health -> postgres_pool" lines, or a graph for Graphviz.
std::string render_dependencies(const nlohmann::json& children, bool as_dot);

/// A result set as a table with a header line.
std::string render_rows(const nlohmann::json& columns, const nlohmann::json& rows);

} // namespace dbs::ctl
