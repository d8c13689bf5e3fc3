// What a batch may contain.
#pragma once

#include "dbs/messages/postgres/pool.hpp"

#include <caf/error.hpp>

#include <cstddef>
#include <span>

namespace dbs::postgres {

/// Empty if the batch can be sent. `payload_too_large` beyond the limits of `pg_batch`,
/// `invalid_argument` for a statement that controls the transaction.
caf::error check_batch(const pg_batch& what);

/// Empty if the batch can be a transaction of its own. `invalid_argument` for DO and CALL: a
/// COMMIT inside would keep what the statements before it did, whatever becomes of the rest.
caf::error check_own_transaction(std::span<const pg_statement> statements);

/// The error field that says which statement of a batch an error is about.
field statement_field(size_t index);

} // namespace dbs::postgres
