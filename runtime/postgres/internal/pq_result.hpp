// Copies libpq's result sets into ours.
#pragma once

#include "dbs/messages/postgres/result.hpp"

#include <caf/expected.hpp>

#include <libpq-fe.h>

#include <cstddef>
#include <cstdint>

namespace dbs::postgres::internal {

/// The name is a view into the answer.
pg_column column_of(const PGresult& answer, size_t index);

/// The number in the command tag, 0 if it has none.
uint64_t affected_rows(PGresult& answer);

/// @param answer has status PGRES_TUPLES_OK, PGRES_COMMAND_OK or PGRES_EMPTY_QUERY.
/// Error: `payload_too_large`.
caf::expected<pg_result> to_pg_result(PGresult& answer);

} // namespace dbs::postgres::internal
