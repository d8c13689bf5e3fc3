// The Redis client as a manager: translates messages for the client's logic and gives it a
// loop, timers and sockets.
#pragma once

#include "dbs/config/settings.hpp"
#include "dbs/messages/manager/control.hpp"
#include "dbs/messages/redis/redis.hpp"
#include "dbs/runtime/caf/actor_environment.hpp"
#include "dbs/runtime/caf/loop_actor.hpp"
#include "dbs/runtime/caf/reply_slab.hpp"
#include "dbs/runtime/caf/startup.hpp"
#include "dbs/runtime/io/loop_link.hpp"
#include "dbs/runtime/observe/log.hpp"
#include "dbs/runtime/observe/metrics.hpp"
#include "dbs/runtime/redis/redis_core.hpp"

#include <memory>
#include <string>
#include <vector>

namespace dbs {

namespace internal {
class redis_metrics;
} // namespace internal

/// What the Redis manager needs; shared by its incarnations.
struct redis_options {
  redis_settings settings;
  std::shared_ptr<observe::registry> metrics;
  std::shared_ptr<observe::logger> log;
  redis::client_limits limits;
  /// Where others on the loop find the client; may be null.
  std::shared_ptr<loop_link<redis::redis_core>> link = nullptr;
};

/// Owns the client's logic and, through it, all connections. When it dies, the connections
/// close and open requests are answered `restarted`, those of other users of the client too.
class redis_state : private redis::redis_core_owner,
                    private redis::reply_sink,
                    private deferred_work {
public:
  using actor_type = redis_actor::extend_with<manager_control_actor>;
  static inline const char* name = "dbs.redis";

  redis_state(loop_actor<actor_type>* self, redis_options options);
  ~redis_state();

  actor_type::behavior_type make_behavior();

private:
  using request_token = redis::request_token;

  // -- messages ------------------------------------------------------------------

  caf::result<redis_reply> command(const call_context& context, redis_command what);
  caf::result<std::vector<redis_reply>> command(const call_context& context, redis_batch batch);
  caf::result<void> start();
  caf::result<void> ready();
  caf::result<void> drain(const call_context& context);
  health_report health() const;
  stats_report stats() const;

  void tick();

  // -- the client's answers and events ---------------------------------------------

  void on_reply(request_token token, caf::expected<redis_reply> reply) override;
  void on_replies(request_token token, caf::expected<std::vector<redis_reply>> replies) override;
  void flush_soon() override;
  void run_deferred() override;
  void on_up() override;
  void on_down(const caf::error& reason) override;
  void on_drained() override;
  void record_command(caf::timespan took) override;
  void record_probe(caf::timespan took) override;

  loop_actor<actor_type>* self_;
  const redis_settings settings_;
  std::unique_ptr<internal::redis_metrics> metrics_;
  std::shared_ptr<observe::logger> log_;
  std::shared_ptr<loop_link<redis::redis_core>> link_;
  actor_environment<loop_actor<actor_type>> environment_;

  internal::reply_slab<redis_reply> replies_;
  internal::reply_slab<std::vector<redis_reply>> batches_;
  startup startup_;
  std::vector<reply<void>> draining_;
  bool started_ = false;
  bool drains_ = false;
  bool flush_is_deferred_ = false;
  /// Redis has been there; what follows is a loss or a return.
  bool was_up_ = false;

  // Last, so that it goes first: it closes the connections, which use the above.
  redis::redis_core core_;
};

/// Spawns the Redis client on `loop`. It connects when it is told to start.
redis_state::actor_type spawn_redis(event_loop& loop, redis_options options);

} // namespace dbs
