// What `dbsd --dev` brings along: a private PostgreSQL and a private Redis.
#pragma once

#include "dbs/config/load.hpp"
#include "dbs/testing/servers/private_postgres.hpp"
#include "dbs/testing/servers/private_redis.hpp"
#include "dbs/testing/servers/temporary_directory.hpp"

#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace dbs {

/// The servers whose URL nobody gave, and the directory for the socket of dbsctl. One
/// PostgreSQL has all databases that are missing, a named one as "dbs_NAME".
///
/// They run in temporary directories on free loopback ports, with random passwords,
/// and go, with their data, when this object goes or the process dies.
class development_servers {
public:
  /// Starts what `given` has no URL for. Not all of it if a stop is requested.
  development_servers(const loaded_settings& given, const std::stop_token& stop);

  /// The URLs of the servers that were started, by the key of their setting.
  std::vector<std::pair<std::string, std::string>> urls() const;

  /// The settings that point a node at these servers, for the weakest source.
  std::vector<std::pair<std::string, std::string>> settings() const;

private:
  testing::temporary_directory directory_{"dbsd"};
  std::optional<testing::private_postgres> postgres_;
  /// The URLs of its databases, by the key of their setting.
  std::vector<std::pair<std::string, std::string>> databases_;
  std::optional<testing::private_redis> redis_;
};

} // namespace dbs
