// What a transfer may contain, and which steps belong together.
#pragma once

#include "dbs/messages/postgres/pool.hpp"

#include <caf/error.hpp>

namespace dbs::postgres {

/// Empty if the step can be sent. `payload_too_large` beyond the limits of
/// `pg_transfer`, `invalid_argument` for chunks of no size, a statement that controls
/// the transaction, and a COPY that does not go where the step says.
caf::error check_transfer(const pg_transfer& what);

/// True for `stream`, `copy_out` and `copy_in`.
bool starts(pg_transfer_action step) noexcept;

/// Whether `step` goes on with what `started` has begun.
bool fits(pg_transfer_action step, pg_transfer_action started) noexcept;

} // namespace dbs::postgres
