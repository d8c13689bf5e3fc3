// The bodies of administrative requests.
#pragma once

#include "dbs/messages/manager/control.hpp"
#include "dbs/messages/postgres/pool.hpp"

#include <caf/expected.hpp>

#include <string>

namespace dbs {

struct sql_request {
  pg_statement statement;
  caf::timespan timeout = std::chrono::seconds{10};
};

/// {"sql": "select $1::int", "params": [1], "timeout_ms": 10000}; parameters are
/// null, booleans, numbers or strings. `invalid_argument` names what is wrong.
caf::expected<sql_request> parse_sql_request(const std::string& body);

/// {"what": "pool_size", "size": 30}.
caf::expected<resize_request> parse_resize_request(const std::string& body);

} // namespace dbs
