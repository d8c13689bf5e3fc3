// What the answers over HTTP look like.
#pragma once

#include "dbs/actors/http/health_json.hpp"
#include "dbs/messages/manager/supervisor.hpp"
#include "dbs/messages/postgres/pool.hpp"
#include "dbs/runtime/http/message.hpp"
#include "dbs/runtime/observe/log.hpp"
#include "dbs/runtime/observe/metrics.hpp"

#include <caf/error.hpp>

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

namespace dbs::internal {

/// The child behind a public name ("pool" and "pool.NAME" are others of the pools), or
/// behind an id.
std::string child_id(const std::string& name);

nlohmann::json to_json(const std::vector<child_info>& tree);

nlohmann::json to_json(const std::vector<pg_holder>& holders);

struct result_limits {
  size_t rows;
  /// Of the values as PostgreSQL sends them, without JSON's punctuation.
  size_t bytes;
};

/// Columns, rows, tag; whole rows up to the limits, and "truncated" if there are
/// more. Integers, floats and booleans become JSON's, everything else text.
nlohmann::json to_json(const pg_result& result, const result_limits& limits);

/// What the supervisor knows of its children, as metrics with the label `child`.
std::vector<observe::family_snapshot> to_families(const std::vector<child_info>& tree);

/// What has become of the log's lines, as metrics.
std::vector<observe::family_snapshot> to_families(const observe::log_stats& stats);

/// 200 unless unhealthy, which load balancers understand as 503.
unsigned http_status(health_status status);

/// The HTTP status, code, sentence, SQLSTATE and fields of an error.
http_response to_response(const caf::error& reason);

http_response json_response(const nlohmann::json& body, unsigned status = 200);

} // namespace dbs::internal
