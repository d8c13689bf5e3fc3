// What a connection and the completions of its socket share: it lives until the
// last of them has run.
#pragma once

#include "dbs/runtime/redis/connection.hpp"
#include "dbs/runtime/redis/internal/stream.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <array>
#include <deque>
#include <vector>

namespace dbs::redis {

class connection::core : public std::enable_shared_from_this<connection::core> {
public:
  core(boost::asio::io_context& io, timer_queue& timers, loop_entry enter, redis_settings settings,
       connection_limits limits);

  void connect(ready_callback on_ready, closed_callback on_closed);

  caf::error command(std::span<const std::string_view> words, caf::timespan timeout,
                     reply_callback done);

  void abort(caf::error reason);

  /// The connection is destroyed: nobody is interested any more.
  void abandon();

  bool ready() const noexcept { return phase_ == phase::ready; }

  size_t pending() const noexcept { return pending_.size(); }

private:
  using endpoints = std::vector<boost::asio::generic::stream_protocol::endpoint>;

  enum class phase : uint8_t { idle, resolving, connecting, securing, logging_in, ready, closed };

  /// A command whose reply has not come; `done` is empty once it timed out.
  struct awaited {
    reply_callback done;
    timer_queue::timer_id timer;
  };

  /// Makes a completion handler of `fn(core&, xs...)`: it keeps the core alive, runs
  /// in the actor, and does nothing once the connection is closed.
  template <class F>
  auto entering(F fn) {
    // The return type is spelt out so that Asio may ask whether it fits any arguments.
    return [self = shared_from_this(), fn = std::move(fn)](auto... xs) -> void {
      auto body = [&] {
        if (self->phase_ != phase::closed)
          fn(*self, xs...);
      };
      self->enter_(body);
    };
  }

  // -- opening.cpp: from a host name to a usable session ----------------------------

  void resolve();
  void open(endpoints found);
  void secure();
  void log_in();
  void authenticate();
  void select();
  void introduce();
  void on_connect_timeout();

  // -- commands and replies ------------------------------------------------------------

  /// Formats and queues a command; the limits are checked.
  void append(std::span<const std::string_view> words, reply_callback done,
              timer_queue::timer_id timer);
  void flush();
  void read();
  void on_read(size_t bytes);
  void deliver(reply_ptr reply);
  void on_command_timeout(uint64_t number, caf::timespan timeout);

  // -- the end --------------------------------------------------------------------------

  /// Answers everything and tells the owner.
  void close(caf::error reason);
  void close_broken(const boost::system::error_code& code);

  std::string server() const { return "redis at " + endpoint_name(settings_.target.address); }

  boost::asio::io_context& io_;
  timer_queue& timers_;
  const loop_entry enter_;
  const redis_settings settings_;
  const connection_limits limits_;
  phase phase_ = phase::idle;
  /// No callback may be called any more.
  bool abandoned_ = false;
  ready_callback on_ready_;
  closed_callback on_closed_;
  boost::asio::ip::tcp::resolver resolver_;
  internal::stream stream_;
  timer_queue::timer_id connect_timer_;

  std::deque<awaited> pending_;
  /// Commands are numbered; this is the number of `pending_.front()`.
  uint64_t first_pending_ = 0;
  /// Commands with smaller numbers have been handed to the socket.
  uint64_t first_unsent_ = 0;
  std::string unsent_;
  std::string in_flight_;
  bool flush_is_posted_ = false;
  bool writing_ = false;

  reply_reader reader_;
  std::array<char, 16 * 1024> in_;
};

} // namespace dbs::redis
