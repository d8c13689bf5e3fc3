// Peers that are programs of their own: they run once per round.
#pragma once

#include "harness/load.hpp"

#include "dbs/testing/servers/private_postgres.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

namespace dbs::bench {

/// What the programs are asked to do.
struct program_load {
  const testing::private_postgres& server;
  int connections;
  int callers;
  window how;
};

// Each returns operations per second, and throws `std::runtime_error` with the end of
// what the program wrote if it fails.

/// Python's asyncpg with its pool, under uvloop.
double asyncpg_pool(const program_load& load);

/// node-postgres with its pool. The package is found through NODE_PATH.
double node_postgres_pool(const program_load& load);

/// ioredis with automatic pipelining, on one connection. The package is found through
/// NODE_PATH.
double ioredis(const std::string& host, uint16_t port, int callers, window how);

/// Python's redis.asyncio, alone or with a dict before it and asyncpg behind it: see
/// redis_asyncio.py for the loops and modes.
double python_stack(const char* loop, const char* mode, const std::string& redis_host,
                    uint16_t redis_port, const testing::private_postgres& postgres, int callers,
                    int rows, window how);

/// pgbench -M prepared, with as many clients as `load` has connections.
double pgbench(const program_load& load);

/// psql's \copy of a file into a table: how long it says that took, without its start.
std::chrono::duration<double> psql_copy(const testing::private_postgres& server,
                                        const std::string& table,
                                        const std::filesystem::path& file);

} // namespace dbs::bench
