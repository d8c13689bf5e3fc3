// An HTTP/1.1 server that lives on somebody's event loop.
//
// For health checks, metrics and administration: small requests, small answers,
// few connections. It has no thread of its own, blocks nowhere and bounds
// everything: connections, sizes, requests per connection, and the time each
// phase of a request may take.
#pragma once

#include "dbs/runtime/http/message.hpp"
#include "dbs/runtime/io/timer_queue.hpp"

#include <caf/error.hpp>
#include <caf/expected.hpp>
#include <caf/timespan.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace boost::asio {
class io_context;
} // namespace boost::asio

namespace dbs {

struct http_server_options {
  /// Over TCP. Further clients are answered with 503.
  uint32_t max_connections = 256;
  /// Over Unix sockets, counted apart: whoever fills the port must not lock
  /// administration out.
  uint32_t max_unix_connections = 32;
  /// Of the request line and the headers together; more is answered with 431.
  uint32_t max_header_bytes = 8192;
  /// More is answered with 413.
  uint32_t max_body_bytes = 65536;
  /// More is answered with 414.
  uint32_t max_target_bytes = 2048;
  /// The last of them is answered with `Connection: close`.
  uint32_t max_requests_per_connection = 1000;
  /// From the first byte of a request to its last, however slowly they come (408),
  /// and the same for sending an answer.
  caf::timespan request_timeout = std::chrono::seconds{10};
  /// How long the handler may take (503), unless it asks for more itself: see
  /// `http_responder::answer_within`.
  caf::timespan answer_timeout = std::chrono::seconds{30};
  /// How long a connection may stay open between requests.
  caf::timespan idle_timeout = std::chrono::seconds{60};
  /// Every completion of the event loop runs inside this: it gets a function and
  /// calls it at once, or not at all if its owner is gone.
  std::function<void(std::function<void()>)> enter = [](const std::function<void()>& fn) { fn(); };
};

struct http_server_stats {
  /// Connections that were let in.
  uint64_t accepted = 0;
  /// Connections that were turned away: too many, or another user's.
  uint64_t rejected = 0;
  /// Connections that are open now.
  uint64_t active = 0;
  /// Requests that reached the handler.
  uint64_t requests = 0;
  /// Requests that were answered with an error before they reached it.
  uint64_t bad_requests = 0;
  /// Requests that took too long to arrive, to be handled or to be answered.
  uint64_t timeouts = 0;
};

/// All functions must be called on the thread that runs the loop, or while none
/// does. The loop and the timers must outlive the server.
class http_server {
public:
  http_server(boost::asio::io_context& io, timer_queue& timers, http_server_options options,
              http_handler handler);

  /// Closes.
  ~http_server();

  http_server(const http_server&) = delete;
  http_server& operator=(const http_server&) = delete;

  /// Listens at a numeric address, or at "localhost", which is 127.0.0.1 and is not
  /// looked up; port 0 takes a free one. Returns the port.
  /// `config_invalid` names the address that cannot be used.
  caf::expected<uint16_t> listen_tcp(const std::string& address, uint16_t port);

  /// Listens at a path, which gets mode 0600; clients must run as our user or as
  /// root. Replaces the socket of a process that is dead. `config_invalid` if the
  /// path is in use, or names something else than a socket.
  caf::error listen_unix(const std::string& path);

  /// Serves a connected Unix stream socket, whose ownership it takes, as if it had
  /// been accepted: for hosts that accept by themselves, and for tests that need
  /// no file.
  caf::error adopt(int fd);

  /// Accepts nothing more, closes idle connections, and lets the others finish
  /// their current request. Calls `on_drained` when the last one is gone, which
  /// may be at once.
  void stop_accepting(std::function<void()> on_drained = {});

  /// Answers the requests that are under way with 503 `draining`, in place of whoever
  /// has them: for a drain that has come to its end.
  void answer_unfinished();

  /// Closes everything at once. No function of the user is called any more.
  void close();

  http_server_stats stats() const;

private:
  class impl;
  std::unique_ptr<impl> impl_;
};

} // namespace dbs
