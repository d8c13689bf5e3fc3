// From libpq's ways to report a problem to ours.
#pragma once

#include "dbs/messages/error_detail.hpp"

#include <libpq-fe.h>

#include <string>
#include <string_view>

namespace dbs::postgres::internal {

/// The error in a result, as `query_failed`: the server's primary message, its
/// SQLSTATE, and what else it said as fields (severity, detail, hint, position,
/// schema, table, column, datatype, constraint, routine).
error_detail detail_of(const PGresult& result);

/// True if the server said that it ends the session.
bool is_fatal(const PGresult& result);

/// Why a connect failed.
struct connect_problem {
  /// "connection refused", "password authentication failed for user \"bob\"".
  std::string cause;
  /// Empty if no server answered.
  std::string sqlstate;
};

/// Takes the message of a failed connect apart, as libpq words it at verbosity
/// PQERRORS_VERBOSE: only that has the SQLSTATE, for which there is no function
/// before the session stands.
connect_problem parse_connect_error(std::string_view text);

/// The first line of libpq's message about a connection, or `otherwise`.
std::string first_line(const char* text, std::string_view otherwise);

} // namespace dbs::postgres::internal
