// A real Redis server of one's own, for tests and for trying things out.
//
//   dbs::testing::private_redis server;
//   server.cli({"set", "k", "v"});
//   connect_to(server.url());
//   server.restart(); // empty again, same port
//
// Needs the package `redis-server`, whose own instance it never touches.
#pragma once

#include "dbs/testing/servers/private_server.hpp"

#include <map>
#include <string>
#include <vector>

namespace dbs::testing {

struct private_redis_options {
  /// Asked from the default user (requirepass); empty, everybody may do everything.
  std::string password;
  /// ACL users, such as `alice on >secret ~cache:* +@read`.
  std::vector<std::string> users;
  tls_mode tls = tls_mode::off;
  /// Writes every command to a file (appendonly, appendfsync no), from which a
  /// stopped or killed server comes back. Otherwise a restarted server is empty.
  bool persistent = false;
  /// Directives for redis.conf; they win over ours.
  std::map<std::string, std::string> settings;
  /// Keeps the data in memory where the machine has room (see
  /// `temporary_directory_options`): fast to make, but not for gigabytes.
  bool in_memory = true;
};

/// Runs from construction to destruction, and dies with the process that made it.
/// Listens on 127.0.0.1 and on a Unix socket.
class private_redis : public private_server {
public:
  explicit private_redis(private_redis_options options = {});

  ~private_redis();

  /// The port that speaks TLS: `port()` where TLS is required, a second one where it
  /// is offered. Throws `std::logic_error` when it is off.
  uint16_t tls_port() const;

  /// `redis://[:password@]127.0.0.1:port`, or `rediss://` where TLS is required.
  std::string url() const;

  /// The path of the Unix socket.
  std::filesystem::path socket_path() const { return run_path() / "redis.sock"; }

  const private_redis_options& options() const noexcept { return options_; }

  /// Starts a server that was killed or stopped, on its port, and returns when it
  /// answers. Nothing happens when it runs.
  void start(std::chrono::milliseconds within = default_patience);

  /// Ends it with SIGTERM. A paused server is resumed for that.
  void stop(std::chrono::milliseconds within = default_patience);

  void restart() {
    stop();
    start();
  }

  /// Returns when the server answers a PING; throws when it does not in time.
  void wait_accepting(std::chrono::milliseconds within = default_patience) const;

  /// Runs a command on a new connection as the default user, through the Unix
  /// socket: neither a gate in front of the port nor TLS is in the way. Strings come
  /// as they are, integers in decimal, nil as "(nil)", the elements of arrays and
  /// maps on a line each. Throws `std::runtime_error` with the server's error, or when
  /// there is no answer in time. May be called from several threads at once.
  std::string cli(const std::vector<std::string>& command,
                  std::chrono::milliseconds within = default_patience) const;

private:
  void write_configuration();

  private_redis_options options_;
  std::optional<free_port> second_port_;
  std::filesystem::path program_;
};

} // namespace dbs::testing
