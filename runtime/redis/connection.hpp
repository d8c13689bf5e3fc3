// One connection to a Redis server, on the loop of the actor that owns it.
//
//     connection_ = std::make_unique<redis::connection>(self->io(), self->timers(),
//                                                       loop_entry{self}, settings);
//     connection_->connect([this] { on_ready(); },
//                          [this](caf::error reason) { on_closed(std::move(reason)); });
//     ...
//     if (auto refused = connection_->command({"GET", key}, 1s, [this](auto answer) { ... }))
//       ...
//
// hiredis parses replies and formats commands; sockets, TLS, timers and the order
// of things are ours, so that the timeout of one command leaves the others alone.
#pragma once

#include "dbs/config/settings.hpp"
#include "dbs/runtime/caf/loop_entry.hpp"
#include "dbs/runtime/io/timer_queue.hpp"
#include "dbs/runtime/redis/reply_reader.hpp"

#include <boost/asio/io_context.hpp>

#include <caf/error.hpp>
#include <caf/expected.hpp>
#include <caf/timespan.hpp>

#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace dbs::redis {

struct connection_limits {
  /// Commands whose replies have not come, the timed-out ones included.
  size_t max_pending = 1024;
  /// Bytes of commands that wait while others are being written.
  size_t max_unsent_bytes = 64 * 1024 * 1024;
  reply_limits replies;
};

/// Connects once: TCP (or a Unix socket, where the host is its path), TLS if the
/// target asks for it, AUTH, SELECT, CLIENT SETNAME. A connection that has closed
/// stays closed; its owner makes another.
///
/// Everything happens on the loop's thread, in the actor, and no callback is called
/// from inside a call to the connection. After the destructor none is called at all,
/// and the connection may be destroyed in one of its own callbacks.
class connection {
public:
  using ready_callback = std::function<void()>;
  using closed_callback = std::function<void(caf::error)>;
  using reply_callback = std::function<void(caf::expected<reply_ptr>)>;

  /// @param timers outlives the connection and runs its callbacks in the actor.
  connection(boost::asio::io_context& io, timer_queue& timers, loop_entry enter,
             redis_settings settings, connection_limits limits = {});

  /// Drops what is pending without an answer.
  ~connection();

  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  /// Starts to connect; to be called once. `on_ready` comes when commands may be
  /// sent. `on_closed` comes once, before or after that, when every pending command
  /// has been answered:
  /// - `connection_lost`: refused, timed out, reset, or closed by the server;
  /// - `unauthenticated`: user or password are wrong;
  /// - `config_invalid`: the database does not exist, or the CA file is unusable;
  /// - `peer_unavailable`: the server takes no clients now;
  /// - `protocol_error`, `payload_too_large`: what came is no acceptable reply.
  void connect(ready_callback on_ready, closed_callback on_closed);

  /// Sends a command; replies come in the order of commands. `done` gets the reply,
  /// or an error:
  /// - `query_failed`: the server's own error;
  /// - `deadline_exceeded`: no reply within `timeout`. The connection lives on and
  ///   skips the reply when it comes; the command may still have its effect;
  /// - `in_doubt`, `connection_lost`: the connection closed after, or before, the
  ///   command was handed to the socket.
  ///
  /// Returns an error, and drops `done`, if the command is not accepted:
  /// `connection_lost` when not ready, `overloaded` when a limit is reached.
  caf::error command(std::span<const std::string_view> words, caf::timespan timeout,
                     reply_callback done);

  caf::error command(std::initializer_list<std::string_view> words, caf::timespan timeout,
                     reply_callback done) {
    return command(std::span{words.begin(), words.size()}, timeout, std::move(done));
  }

  /// Closes the connection as if it had broken for `reason`.
  void abort(caf::error reason);

  bool ready() const noexcept;

  /// Commands whose replies have not come.
  size_t pending() const noexcept;

private:
  class core;

  std::shared_ptr<core> core_;
};

/// "127.0.0.1:6379", "[::1]:6379" or the path of a Unix socket.
std::string endpoint_name(const host_port& address);

} // namespace dbs::redis
