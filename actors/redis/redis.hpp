// The Redis manager: one connection that says whether Redis is there.
#pragma once

#include "dbs/config/settings.hpp"
#include "dbs/messages/manager/control.hpp"
#include "dbs/messages/redis/redis.hpp"
#include "dbs/runtime/caf/loop_actor.hpp"
#include "dbs/runtime/caf/startup.hpp"
#include "dbs/runtime/observe/log.hpp"
#include "dbs/runtime/observe/metrics.hpp"
#include "dbs/runtime/redis/connection.hpp"
#include "dbs/runtime/resilience/backoff.hpp"

#include <array>
#include <memory>
#include <string>
#include <vector>

namespace dbs {

namespace internal {
struct redis_metrics;
} // namespace internal

/// What the Redis manager needs; shared by its incarnations.
struct redis_options {
  redis_settings settings;
  std::shared_ptr<observe::registry> metrics;
  std::shared_ptr<observe::logger> log;
};

/// Owns one connection to Redis, which it probes with a PING every second and makes
/// anew when it breaks or does not answer twice in a row.
///
/// Commands that are pending when the connection breaks fail with it; nothing is
/// repeated. Dies with nothing lost but them.
class redis_state {
public:
  using actor_type = redis_actor::extend_with<manager_control_actor>;
  static inline const char* name = "dbs.redis";

  /// From the start of one probe to the start of the next.
  static constexpr caf::timespan probe_interval = std::chrono::seconds{1};
  /// Unanswered probes in a row that end a connection.
  static constexpr uint32_t max_misses = 2;

  redis_state(loop_actor<actor_type>* self, redis_options options);
  ~redis_state();

  actor_type::behavior_type make_behavior();

private:
  using time_point = caf::actor_clock::time_point;

  // -- messages ------------------------------------------------------------------

  caf::result<std::string> ping(const call_context& context);
  caf::result<void> start();
  caf::result<void> ready();
  caf::result<void> drain(const call_context& context);
  health_report health() const;
  stats_report stats() const;

  // -- the connection ------------------------------------------------------------

  void connect();
  void on_closed(caf::error reason);
  void probe();
  void on_probe(time_point started, caf::expected<redis::reply_ptr> answer);
  void on_pong(caf::timespan took);
  void on_miss(caf::error reason);
  void on_failure(caf::error reason);
  void finish_ping(reply<std::string>& caller, caf::expected<redis::reply_ptr> answer);
  void finish_drain();

  bool connected() const noexcept { return connection_ && connection_->ready(); }
  /// Over the last minute or so; 0 without a probe.
  double p95_ms() const;

  loop_actor<actor_type>* self_;
  redis_settings settings_;
  /// Keeps alive what the metrics point into.
  std::shared_ptr<observe::registry> registry_;
  std::unique_ptr<internal::redis_metrics> metrics_;
  std::shared_ptr<observe::logger> log_;
  std::unique_ptr<redis::connection> connection_;
  backoff backoff_;
  timer_queue::timer_id reconnect_timer_;
  timer_queue::timer_id probe_timer_;

  enum class life : uint8_t { created, started, draining, drained };
  life life_ = life::created;
  /// Ready while the last probe was answered as it should be.
  startup startup_;
  /// Redis has been there; what follows is a loss or a return.
  bool was_ready_ = false;
  /// The current connection has answered a probe.
  bool proved_ = false;
  uint32_t misses_ = 0;
  /// Why Redis is not usable, or was not last time.
  caf::error last_error_;

  std::vector<reply<void>> draining_;
  /// Pings of callers that Redis has not answered.
  size_t running_ = 0;

  /// The latest round-trip times of probes, in a ring.
  std::array<double, 64> round_trips_ms_{};
  size_t round_trips_ = 0;
};

/// Spawns the Redis manager on `loop`. It connects when it is told to start.
redis_state::actor_type spawn_redis(event_loop& loop, redis_options options);

} // namespace dbs
