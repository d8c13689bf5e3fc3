// The private servers of a figure.
#pragma once

#include "dbs/config/load.hpp"
#include "dbs/testing/servers/private_postgres.hpp"
#include "dbs/testing/servers/private_redis.hpp"

#include <string>
#include <utility>
#include <vector>

namespace dbs::bench {

/// A PostgreSQL that holds the table of kv.hpp in its buffers and does nothing on its
/// own, and a Redis. Everybody reaches PostgreSQL through its Unix socket.
class servers {
public:
  servers();

  /// What points services at them, as on dbsd's command line.
  std::vector<std::pair<std::string, std::string>> settings() const;

  /// The same PostgreSQL, for libpq.
  std::string conninfo() const;

  const testing::private_postgres& postgres() const noexcept { return postgres_; }

  const testing::private_redis& redis() const noexcept { return redis_; }

private:
  testing::private_postgres postgres_;
  testing::private_redis redis_;
};

} // namespace dbs::bench
