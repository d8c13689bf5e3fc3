// One connection to a Redis server: login, commands in a pipeline, their replies.
//
// The state machine alone: bytes come and go through a transport, so that tests script
// them, and what becomes of commands when a connection ends is for its owner to decide.
#pragma once

#include "dbs/config/settings.hpp"
#include "dbs/runtime/io/timer_queue.hpp"
#include "dbs/runtime/redis/flight.hpp"
#include "dbs/runtime/redis/reply_reader.hpp"
#include "dbs/runtime/redis/transport.hpp"

#include <caf/error.hpp>

#include <array>
#include <functional>
#include <string>
#include <vector>

namespace dbs::redis {

class connection;

/// Told by a connection, in the turn of its loop. Must not destroy it from there.
class connection_observer {
public:
  /// The login is complete, and the server has answered a PING: commands may be sent.
  virtual void on_ready(connection& conn) = 0;

  /// The reply to a command that somebody waits for.
  virtual void on_reply(connection& conn, flight&& what, redis_reply&& reply) = 0;

  /// Replies have come, be it to commands that nobody waits for any more: there is room for
  /// others, and the server is there.
  virtual void on_heard(connection& conn) = 0;

  /// A push of RESP3. Only a connection of one's own, which has subscribed, gets any.
  virtual void on_push(connection& conn, redis_reply message) = 0;

  /// There is something to `flush`.
  virtual void on_unflushed(connection& conn) = 0;

  /// The connection has ended, before or after it was ready:
  /// - `connection_lost`: refused, timed out, reset, or closed by the server;
  /// - `unauthenticated`: user or password are wrong;
  /// - `config_invalid`: the database does not exist, or the CA file is unusable;
  /// - `peer_unavailable`: the server takes no clients now;
  /// - `protocol_error`, `payload_too_large`: what came is no acceptable reply.
  ///
  /// @param unanswered the commands without a reply, in their order, abandoned ones among
  ///        them; something of the first `sent` of them may have reached the server.
  virtual void on_closed(connection& conn, caf::error reason, flight_queue unanswered,
                         size_t sent) = 0;

protected:
  ~connection_observer() = default;
};

/// Connects once; a connection that has ended stays so. Logs in with HELLO 3, so that the
/// server speaks RESP3, or with AUTH where it does not know that (before Redis 6); then
/// SELECT, if the target names a database, and PING. Its name on the server is "dbs".
///
/// Destroyed, it closes, and nobody is told anything.
class connection final : private transport_observer {
public:
  using time_point = timer_queue::time_point;

  connection(const redis_settings& settings, const reply_limits& limits, timer_queue& timers,
             const transport_factory& make_transport, connection_observer& observer);

  ~connection();

  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  /// To be called once. Takes `connect_timeout` of the settings at most.
  void open();

  bool ready() const noexcept { return phase_ == phase::ready; }

  /// Appends a command to the pipeline; only when ready.
  void send(flight&& what);

  /// Writes what the socket takes. A command that was handed to it counts as sent.
  void flush();

  /// Told a command and whether something of it may have reached the server.
  using taken_off = std::function<void(const flight& what, bool sent)>;

  /// Takes those off the pipeline, or abandons them, whose deadline has passed: `expired`
  /// is told each. Returns the earliest deadline of the others.
  time_point expire(time_point now, const taken_off& expired);

  /// Takes those off the pipeline, or abandons them, whom `which` picks of those that
  /// somebody waits for; `taken` is told each.
  void drop(const std::function<bool(const flight& what)>& which, const taken_off& taken);

  /// Ends it, as if it had broken for `reason`.
  void close(caf::error reason);

  // -- how it stands ---------------------------------------------------------------

  /// Commands in the pipeline, abandoned ones among them.
  size_t pending() const noexcept { return pending_.size(); }

  /// The socket does not take what there is to send.
  bool congested() const noexcept { return congested_; }

  /// Bytes that wait for `flush`.
  size_t unflushed_bytes() const noexcept { return unflushed_bytes_; }

  /// When the server was heard last.
  time_point last_heard() const noexcept { return heard_; }

  /// Since when a reply is overdue and nothing has been heard; `time_point::max()` if all
  /// is well.
  time_point overdue_since() const noexcept { return overdue_; }

  /// The server speaks RESP3.
  bool resp3() const noexcept { return resp3_; }

  /// "redis at 127.0.0.1:6379"
  std::string server() const;

private:
  enum class phase : uint8_t { opening, logging_in, ready, closed };
  enum class login : uint8_t { hello, auth, name, database, ping };

  // -- login.cpp -------------------------------------------------------------------

  void log_in(login step);
  void on_login_reply(const redis_reply& reply);
  void on_hello(const redis_reply& reply);
  void refuse_login(const redis_reply& reply);
  void on_connect_timeout();

  // -- transport_observer ------------------------------------------------------------

  void on_open() override;
  void on_not_open(caf::error reason) override { close(std::move(reason)); }
  void on_readable() override;
  void on_writable() override;

  // -- bytes -------------------------------------------------------------------------

  void gather();
  void take_replies();
  void take(redis_reply&& reply);
  bool usable() const noexcept { return phase_ != phase::closed; }

  const redis_settings& settings_;
  timer_queue& timers_;
  connection_observer& observer_;
  transport_ptr transport_;
  reply_reader reader_;
  phase phase_ = phase::opening;
  login step_ = login::hello;
  timer_queue::timer_id connect_timer_;
  bool resp3_ = false;

  flight_queue pending_;
  /// Of those, the first ones, handed to the transport at least in part.
  size_t sent_ = 0;
  size_t unflushed_bytes_ = 0;
  /// What the transport is to take, and how much of it has been taken.
  std::string out_;
  size_t taken_ = 0;
  bool congested_ = false;
  /// The observer knows that there is something to flush.
  bool announced_ = false;

  time_point heard_;
  time_point overdue_ = time_point::max();
  std::array<char, 16 * 1024> in_;
};

} // namespace dbs::redis
