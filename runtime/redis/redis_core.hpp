// The logic of the Redis client: a few connections that all callers share.
//
// Commands go out as a pipeline. The first connection is filled before the next one is
// used, since one write for many commands costs least; beyond a certain depth, or where a
// socket is congested, the others take their share, and more are opened up to the maximum.
// What waits is bounded in commands and bytes.
#pragma once

#include "dbs/config/settings.hpp"
#include "dbs/runtime/io/timer_queue.hpp"
#include "dbs/runtime/redis/command_rules.hpp"
#include "dbs/runtime/redis/connection.hpp"
#include "dbs/runtime/resilience/backoff.hpp"

#include <caf/error.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace dbs::redis {

struct client_limits {
  /// Commands without an answer, and their bytes; more are `overloaded`.
  size_t max_commands = 32'768;
  size_t max_bytes = size_t{256} << 20;
  /// Commands in a pipeline at which the next connection is used.
  size_t depth = 256;
  /// Commands in a pipeline at most, those included whose callers have given up.
  size_t max_pending = 1024;
  /// From one PING on each connection to the next.
  caf::timespan probe_interval = std::chrono::seconds{1};
  /// Connections beyond the minimum that were not used for so long are closed.
  caf::timespan idle_limit = std::chrono::minutes{1};
  reply_limits replies;
};

/// How the client stands, and what it has counted since it was made.
struct client_figures {
  size_t connections = 0; // ready
  size_t connecting = 0;
  size_t in_flight = 0; // commands without an answer
  size_t in_flight_bytes = 0;
  size_t waiting = 0; // of these, those without a connection

  uint64_t commands = 0;
  uint64_t batches = 0;
  uint64_t refused = 0;
  uint64_t overloaded = 0;
  uint64_t late = 0;
  uint64_t in_doubt = 0;
  uint64_t server_errors = 0;
  /// Reads that were sent again, since their connection had broken.
  uint64_t repeated = 0;
  /// Scripts whose source had to be sent.
  uint64_t scripts_sent = 0;
  uint64_t connects = 0;
  uint64_t connect_failures = 0;
  uint64_t lost = 0;
  uint64_t probes = 0;
  uint64_t failed_probes = 0;
};

/// Told by the client, in the turn of its loop. Must not call it from there, except where
/// it says so.
class redis_core_owner {
public:
  /// `flush` is to be called at the end of this turn, or soon.
  virtual void flush_soon() = 0;

  /// There is a connection, and there was none.
  virtual void on_up() = 0;

  /// There is none, since the last one was lost, or since one more connect has failed.
  virtual void on_down(const caf::error& reason) = 0;

  /// Everything is answered after `drain`, and all connections are closed.
  virtual void on_drained() = 0;

  /// From asking to the reply.
  virtual void record_command(caf::timespan took) = 0;
  virtual void record_probe(caf::timespan took) = 0;

protected:
  ~redis_core_owner() = default;
};

/// Not thread-safe: only who has the turn of the loop of its timers and transports calls
/// it. Callers on that loop, such as a cache, need no messages: they are sinks.
///
/// - A command that was not sent when its connection broke is sent on another one. One that
///   was is repeated once if it only reads; otherwise it is `in_doubt`.
/// - A deadline that passes leaves the connection alone: the reply is skipped when it
///   comes. What was sent and may have changed something is `in_doubt`, everything else
///   `deadline_exceeded`.
/// - While there is no connection, commands wait for the connect that is under way. Once
///   that has failed they are answered `connection_lost`, until one succeeds.
class redis_core final : private connection_observer {
public:
  using time_point = timer_queue::time_point;

  redis_core(const redis_settings& settings, const client_limits& limits,
             transport_factory make_transport, timer_queue& timers, redis_core_owner& owner,
             uint64_t seed);

  /// Whoever has not been answered is, with `restarted`. The owner is told nothing more.
  ~redis_core();

  redis_core(const redis_core&) = delete;
  redis_core& operator=(const redis_core&) = delete;

  /// Opens the connections. What is asked before is kept until then.
  void start();

  /// Runs one command. Without a deadline (`time_point::max()`) it has the
  /// `command_timeout` of the settings.
  void execute(redis_command what, time_point deadline, reply_sink& to, request_token token);

  /// Runs commands on one connection, one behind the other.
  void execute(std::vector<redis_command> batch, time_point deadline, reply_sink& to,
               request_token token);

  /// Answers what `to` has asked to nobody: before `to` goes. Not from inside an answer.
  void forget(const reply_sink& to);

  /// Sends what has been gathered, on all connections.
  void flush();

  /// Keeps so many connections open from here on, but within the minimum and the maximum of
  /// the settings. Others are closed once they have been idle for long.
  void keep_connections(uint32_t number);

  const redis_settings& settings() const noexcept { return settings_; }

  /// How many are kept, be they open or not.
  uint32_t kept_connections() const noexcept { return kept_; }

  /// Refuses what is new, and ends when the rest is answered.
  void drain();

  /// Ends now: what was sent is `in_doubt`, or lost, if it only reads.
  void abort(const caf::error& reason);

  bool up() const noexcept { return ready_ > 0; }

  /// Everything has ended.
  bool drained() const noexcept { return life_ == life::drained; }

  /// A connection was lost, or not made, and the next attempt has not succeeded yet.
  bool reconnects() const noexcept { return backoff_.failures() > 0; }

  /// Up, but no connection answers.
  bool hangs() const noexcept;

  /// Why the last connection was lost, or the last connect failed.
  const caf::error& last_error() const noexcept { return last_error_; }

  client_figures figures() const;

private:
  struct slot {
    std::unique_ptr<connection> conn;
    bool ready = false;
    time_point used;
  };

  // -- requests ----------------------------------------------------------------------

  /// Why a request is not taken; empty if it is.
  caf::error admit(size_t commands, size_t bytes, time_point now, time_point deadline);
  /// Of itself: `payload_too_large`, or why it may not run on a shared connection.
  static caf::error check(const redis_command& what, const command_rules& rules);
  static flight make_flight(redis_command&& what, bool reads, time_point now, time_point deadline);
  void dispatch();
  connection* pick(size_t commands, time_point now);
  static void flush_if_large(connection& conn);
  void watch(time_point deadline);
  void on_deadline();

  // -- answers -----------------------------------------------------------------------

  void answer(flight& what, redis_reply&& reply, time_point now);
  void refuse(const flight& what, bool sent, errc code, const std::string& why);
  void expire(const flight& what, bool sent);
  void release(const flight& what);
  void answer_part(const flight& what, redis_reply&& reply, bool sent);
  void refuse_waiting(const caf::error& reason);
  /// Of what waits, those that were answered.
  void drop_unwanted();
  /// Takes those whom `which` picks out of all that waits or is under way, and returns them.
  std::vector<flight> take_out(const std::function<bool(const flight& what)>& which);
  void end_drain_if_done();

  // -- connections -------------------------------------------------------------------

  void ensure();
  void open_one();
  void tick();
  void on_probe(connection& conn, const flight& what, const redis_reply& reply);
  /// Null if it was forgotten.
  slot* find_slot(const connection& conn);
  void forget(const connection& conn);
  /// What becomes of the commands of a connection that has ended.
  void settle(flight_queue unanswered, size_t sent, const caf::error& reason);

  void on_ready(connection& conn) override;
  void on_reply(connection& conn, flight&& what, redis_reply&& reply) override;
  void on_heard(connection& conn) override;
  void on_push(connection& conn, redis_reply message) override;
  void on_unflushed(connection& conn) override;
  void on_closed(connection& conn, caf::error reason, flight_queue unanswered,
                 size_t sent) override;

  const redis_settings& settings_;
  const client_limits limits_;
  transport_factory make_transport_;
  timer_queue& timers_;
  redis_core_owner& owner_;
  backoff backoff_;

  uint32_t kept_;
  /// In the order in which they are filled.
  std::vector<slot> slots_;
  size_t ready_ = 0;
  size_t connecting_ = 0;
  std::vector<connection*> unflushed_;
  std::vector<connection*> flushing_;
  /// Have ended, and may still be on the stack: they go with the next flush.
  std::vector<std::unique_ptr<connection>> ended_;
  flight_queue waiting_;
  size_t in_flight_ = 0;
  size_t in_flight_bytes_ = 0;

  enum class life : uint8_t { created, started, draining, drained };
  life life_ = life::created;
  /// The last connect failed, and there is no connection.
  bool down_ = false;
  caf::error last_error_;
  time_point watched_ = time_point::max();
  timer_queue::timer_id deadline_timer_;
  timer_queue::timer_id retry_timer_;
  timer_queue::timer_id tick_timer_;
  client_figures counted_;
};

} // namespace dbs::redis
