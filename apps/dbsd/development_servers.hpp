// What `dbsd --dev` brings along: a private PostgreSQL and a private Redis.
#pragma once

#include "dbs/testing/servers/private_postgres.hpp"
#include "dbs/testing/servers/private_redis.hpp"
#include "dbs/testing/servers/temporary_directory.hpp"

#include <string>
#include <utility>
#include <vector>

namespace dbs {

/// Both servers run in temporary directories on free loopback ports and go, with
/// their data, when this object goes or the process dies. The node beside them takes
/// a free port as well, so that any number of them can run.
class development_servers {
public:
  development_servers() : postgres_(postgres_options()) {}

  /// The settings that point a node at these servers.
  std::vector<std::pair<std::string, std::string>> settings() const {
    return {{"database.url", postgres_.url()},
            {"redis.url", redis_.url()},
            {"http.port", "0"},
            {"http.socket", (directory_.path() / "dbsd.sock").string()},
            {"log.level", "warning"}};
  }

private:
  static testing::private_postgres_options postgres_options() {
    testing::private_postgres_options result;
    result.database = "dbs";
    return result;
  }

  testing::temporary_directory directory_{"dbsd"};
  testing::private_postgres postgres_;
  testing::private_redis redis_;
};

} // namespace dbs
