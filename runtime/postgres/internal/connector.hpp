// Opens a session: hosts, their addresses, TLS and authentication, the role.
#pragma once

#include "dbs/config/settings.hpp"
#include "dbs/runtime/io/timer_queue.hpp"
#include "dbs/runtime/postgres/connection_environment.hpp"
#include "dbs/runtime/postgres/internal/connect_keywords.hpp"
#include "dbs/runtime/postgres/internal/pq_errors.hpp"
#include "dbs/runtime/postgres/internal/pq_handles.hpp"
#include "dbs/runtime/postgres/internal/pq_socket.hpp"

#include <caf/expected.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace dbs::postgres::internal {

/// Tries the hosts in order and the addresses of each in turn, with one PGconn
/// each. A host has the connect timeout of the settings from its look-up to a
/// usable session; an address gets an equal share of what is left of it, so that
/// one that hangs does not keep the others from being tried. An answer that would
/// be the same from every host (wrong password, no such database) ends the search,
/// as in libpq.
class connector final : public std::enable_shared_from_this<connector>, private socket_watcher {
public:
  struct session {
    pq_conn conn;
    host_port server;
  };

  /// The error is `connection_lost` or `config_invalid`.
  using callback = std::function<void(caf::expected<session>)>;

  connector(connection_environment& env, const database_settings& settings, callback done);

  /// Answers once, later, on the loop.
  void start();

  /// Gives up without an answer.
  void stop();

private:
  struct attempt {
    host_port server;
    /// "connection refused at 127.0.0.1:5432".
    std::string text;
    std::string sqlstate;
  };

  void next_host();
  void on_resolved(uint64_t step, caf::expected<std::vector<std::string>> addresses);
  void next_address();
  void wait(PostgresPollingStatusType direction);
  void on_readable() override;
  void on_writable() override;
  void poll();
  void on_established();
  void on_deadline();

  /// Records why the current address failed and goes on.
  void address_failed(const connect_problem& problem);
  /// Likewise for the whole host.
  void host_failed(const connect_problem& problem);
  void note(const connect_problem& problem);
  void close();
  void finish(caf::expected<session> outcome);
  caf::error summary() const;

  /// "127.0.0.1:5432", with the address if it is not the name.
  std::string place() const;

  connection_environment& env_;
  std::vector<host_port> hosts_;
  caf::timespan timeout_;
  caf::error problem_;
  connect_keywords keywords_;
  bool pooled_;
  session_role role_;
  callback done_;

  size_t host_ = 0;
  std::vector<std::string> addresses_;
  size_t address_ = 0;
  /// Counts the lookups; an answer that belongs to an earlier one is stale.
  uint64_t step_ = 0;
  timer_queue::time_point host_deadline_;
  timer_queue::timer_id timer_;
  pq_conn conn_;
  pq_socket socket_;
  std::vector<attempt> attempts_;
  /// Whether a host was turned down for its role alone.
  bool role_missed_ = false;
};

} // namespace dbs::postgres::internal
