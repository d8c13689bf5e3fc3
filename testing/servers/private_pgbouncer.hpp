// A real PgBouncer of one's own, in front of a private PostgreSQL.
//
//   dbs::testing::private_postgres server;
//   dbs::testing::private_pgbouncer pooler{server};
//   connect_to(pooler.port());
//
// Needs the package `pgbouncer`, whose own instance it never touches.
#pragma once

#include "dbs/testing/servers/private_postgres.hpp"
#include "dbs/testing/servers/private_server.hpp"

#include <map>
#include <string>

namespace dbs::testing {

struct private_pgbouncer_options {
  /// session, transaction or statement.
  std::string pool_mode = "transaction";
  /// Connections to the server.
  unsigned pool_size = 2;
  /// Of pgbouncer.ini; they win over ours.
  std::map<std::string, std::string> settings;
};

/// Runs from construction to destruction, and dies with the process that made it.
/// Listens on 127.0.0.1. Lets everybody in, as the superuser of `server`, to whichever
/// database they name; the server must outlive it and trust its superuser.
class private_pgbouncer : public private_server {
public:
  explicit private_pgbouncer(const private_postgres& server,
                             private_pgbouncer_options options = {});

  ~private_pgbouncer();

  /// Starts one that was killed, on its port, and returns when it accepts
  /// connections. Nothing happens when it runs.
  void start(std::chrono::milliseconds within = default_patience);

private:
  void write_configuration(const private_postgres& server);

  private_pgbouncer_options options_;
  std::filesystem::path program_;
};

} // namespace dbs::testing
