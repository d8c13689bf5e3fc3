// What the listeners and sessions of one HTTP server share.
#pragma once

#include "dbs/runtime/http/server.hpp"

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

namespace dbs::http_internal {

/// TCP and Unix sockets alike.
using protocol = boost::asio::generic::stream_protocol;
using socket_type = protocol::socket;

class session;

/// Lives until the last completion that refers to it has run; after `close` it is
/// inert. The server, its listeners and its sessions run on one thread.
class core : public std::enable_shared_from_this<core> {
public:
  core(boost::asio::io_context& loop, timer_queue& queue, http_server_options opts,
       http_handler fn);
  ~core();

  core(const core&) = delete;
  core& operator=(const core&) = delete;

  /// Runs the body of a completion inside the owner's guard; not at all once the
  /// server is closed.
  template <class F>
  void guarded(F&& body) {
    if (closed)
      return;
    depth_guard guard{*this};
    options.enter([&body] { body(); });
  }

  /// Lets a connection in, or turns it away.
  void add(socket_type socket, bool over_unix_socket);

  void remove(session& which);

  void drain(std::function<void()> on_drained);

  void answer_unfinished();

  void close();

  boost::asio::io_context& io;
  timer_queue& timers;
  http_server_options options;
  http_handler handler;
  http_server_stats stats;
  bool draining = false;
  bool closed = false;

private:
  struct depth_guard {
    explicit depth_guard(core& x) : owner(x) { ++owner.depth_; }
    depth_guard(const depth_guard&) = delete;
    depth_guard& operator=(const depth_guard&) = delete;
    ~depth_guard() {
      --owner.depth_;
      owner.forget_functions();
    }
    core& owner;
  };

  bool is_full(bool over_unix_socket) const noexcept;

  void check_drained();

  /// To be called one by one: each may end.
  std::vector<std::shared_ptr<session>> all_sessions() const;

  /// After `close`: what the user's functions hold goes as soon as none of them is
  /// running.
  void forget_functions();

  std::unordered_map<session*, std::shared_ptr<session>> sessions_;
  /// How many of the sessions are only there to be told 503.
  size_t rejecting_ = 0;
  /// How many of the others came through a Unix socket.
  size_t unix_active_ = 0;
  std::function<void()> on_drained_;
  unsigned depth_ = 0;
};

} // namespace dbs::http_internal
