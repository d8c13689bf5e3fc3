// Copies libpq's result sets into ours.
#pragma once

#include "dbs/messages/postgres/result.hpp"

#include <caf/expected.hpp>

#include <libpq-fe.h>

namespace dbs::postgres::internal {

/// @param answer has status PGRES_TUPLES_OK, PGRES_COMMAND_OK or PGRES_EMPTY_QUERY.
/// Error: `payload_too_large`.
caf::expected<pg_result> to_pg_result(PGresult& answer);

} // namespace dbs::postgres::internal
