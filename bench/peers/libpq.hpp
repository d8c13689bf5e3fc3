// Raw libpq, as fast as it goes without a pool or actors.
#pragma once

#include "harness/closed_loop.hpp"

#include <string>

namespace dbs::bench {

/// One thread, `connections` connections in non-blocking mode under poll(2), one
/// prepared `kv` select outstanding on each.
run_figures_t libpq_mux(const std::string& conninfo, int connections,
                        std::chrono::milliseconds duration);

/// One connection, synchronous: PQexecPrepared in a loop.
run_figures_t libpq_sync(const std::string& conninfo, std::chrono::milliseconds duration);

} // namespace dbs::bench
