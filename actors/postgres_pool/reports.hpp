// A pool's statistics as named values, for health, `dbsctl` and JSON.
#pragma once

#include "dbs/messages/postgres/pool.hpp"

#include <vector>

namespace dbs {

/// Everything, under "pool." and "acquire_ms.", "response_time_ms.",
/// "hold_ms.", "counters.".
std::vector<field> to_fields(const pool_stats& stats);

/// What `/health/database` shows: "avg_response_time_ms", "response_time_ms.p95",
/// ..., and the pool's occupation under "pool.".
std::vector<field> to_health_fields(const pool_stats& stats);

} // namespace dbs
