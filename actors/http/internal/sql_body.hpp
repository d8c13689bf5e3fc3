// The body of POST /v1/sql.
#pragma once

#include "dbs/messages/postgres/pool.hpp"

#include <caf/expected.hpp>
#include <caf/timespan.hpp>

#include <chrono>
#include <string>

namespace dbs::internal {

struct sql_body {
  /// Empty for the default one.
  std::string pool;
  pg_statement statement;
  caf::timespan timeout = std::chrono::seconds{10};
};

/// {"sql": "select $1::int", "params": [1], "timeout_ms": 10000, "pool": "reports"};
/// parameters are null, booleans, numbers or strings. `invalid_argument` says what is wrong.
caf::expected<sql_body> parse_sql_body(const std::string& body);

} // namespace dbs::internal
