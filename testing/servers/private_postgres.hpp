// A real PostgreSQL server of one's own, for tests and for trying things out.
//
//   dbs::testing::private_postgres server;
//   server.psql("create table t (x int)");
//   connect_to(server.url());
//   server.kill();    // every process gone, as in a power cut
//   server.start();   // recovers, same port, same data
//
// Needs the package `postgresql`, whose own cluster it never touches.
#pragma once

#include "dbs/testing/servers/private_server.hpp"

#include <map>
#include <string>
#include <vector>

namespace dbs::testing {

struct private_postgres_options {
  std::string superuser = "postgres";
  /// Set, it is asked for over TCP with scram-sha-256; empty, everybody is trusted.
  std::string password;
  /// Made at the first start when it is not `postgres`.
  std::string database = "postgres";
  int max_connections = 100;
  tls_mode tls = tls_mode::off;
  /// Settings for postgresql.conf; they win over ours, which trade safety against
  /// a crash of the *machine* (fsync) for speed. A killed server loses nothing.
  std::map<std::string, std::string> settings;
  /// Lines for pg_hba.conf; the first that matches counts, and these come before
  /// ours for TCP.
  std::vector<std::string> hba_lines;
  /// Keeps the data in memory where the machine has room (see
  /// `temporary_directory_options`): fast to make, but not for gigabytes.
  bool in_memory = true;
};

/// How `private_postgres::stop` treats clients.
enum class postgres_stop : uint8_t {
  /// Waits until they have gone.
  smart,
  /// Rolls back their transactions and cuts them off.
  fast,
  /// Ends at once; the next start recovers.
  immediate,
};

/// Runs from construction to destruction, and dies with the process that made it.
/// Listens on 127.0.0.1 and on a Unix socket. The first one on a machine takes some
/// seconds (see `internal/postgres_programs.hpp`), the others a few tenths.
class private_postgres : public private_server {
public:
  explicit private_postgres(private_postgres_options options = {});

  ~private_postgres();

  /// `postgresql://superuser[:password]@127.0.0.1:port/database`. Of TLS it says
  /// nothing: see `certificates()`.
  std::string url() const { return url(options_.database); }

  /// The same for another database of the server.
  std::string url(const std::string& database) const;

  /// For `host=` of a connection through the Unix socket.
  std::filesystem::path socket_directory() const { return run_path(); }

  const private_postgres_options& options() const noexcept { return options_; }

  /// Starts a server that was killed or stopped, with its data and port, and
  /// returns when it answers queries. Nothing happens when it runs.
  void start(std::chrono::milliseconds within = default_patience);

  /// Returns when the server has ended. A paused server is resumed for that.
  void stop(postgres_stop mode = postgres_stop::fast,
            std::chrono::milliseconds within = default_patience);

  void restart() {
    stop();
    start();
  }

  /// Returns when the server answers a query; throws when it does not in time.
  void wait_accepting(std::chrono::milliseconds within = default_patience) const;

  /// Runs statements on a new connection as superuser, through the Unix socket:
  /// neither a gate in front of the port, nor a full pool, nor a password is in the
  /// way. Returns the rows as `psql -At` prints them. Throws `std::runtime_error`
  /// with the server's message and SQLSTATE, or when there is no answer in time.
  /// May be called from several threads at once.
  std::string psql(const std::string& sql,
                   std::chrono::milliseconds within = default_patience) const;

private:
  void write_configuration();
  void remove_remains();
  std::string run(const std::string& database, const std::string& sql,
                  std::chrono::milliseconds within) const;

  private_postgres_options options_;
  std::filesystem::path program_;
};

} // namespace dbs::testing
