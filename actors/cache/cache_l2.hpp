// The second level of the cache as a manager.
#pragma once

#include "dbs/config/settings.hpp"
#include "dbs/messages/manager/control.hpp"
#include "dbs/runtime/cache/l2_core.hpp"
#include "dbs/runtime/caf/loop_actor.hpp"
#include "dbs/runtime/io/loop_link.hpp"
#include "dbs/runtime/observe/log.hpp"
#include "dbs/runtime/observe/metrics.hpp"

#include <memory>
#include <vector>

namespace dbs {

namespace internal {
class cache_l2_metrics;
} // namespace internal

/// What the level needs; shared by its incarnations.
struct cache_l2_options {
  cache_settings settings;
  /// Where Redis' client is found, on the same loop.
  std::shared_ptr<loop_link<redis::redis_core>> redis;
  /// Where the cache finds the level while it is there.
  std::shared_ptr<loop_link<cache::cache_level>> link;
  /// The same, for who changes the number of connections.
  std::shared_ptr<loop_link<cache::l2_core>> tuning;
  std::shared_ptr<cache::level_counters> counters;
  std::shared_ptr<observe::registry> metrics;
  std::shared_ptr<observe::logger> log;
};

/// Owns the level's logic, which the cache calls directly, in the turns of the loop. It is
/// there whether Redis is or not: then every call fails at once. When it dies, open calls are
/// answered `restarted`.
class cache_l2_state {
public:
  using actor_type = manager_control_actor;
  static inline const char* name = "dbs.cache.l2";

  cache_l2_state(loop_actor<actor_type>* self, cache_l2_options options);
  ~cache_l2_state();

  actor_type::behavior_type make_behavior();

private:
  // -- messages ------------------------------------------------------------------

  caf::result<void> start();
  caf::result<void> drain(const call_context& context);
  health_report health() const;
  stats_report stats() const;

  void tick();
  void end_drain();
  void tell_changes();
  double p95_ms() const;

  loop_actor<actor_type>* self_;
  const cache_l2_options options_;
  std::unique_ptr<internal::cache_l2_metrics> metrics_;
  std::vector<reply<void>> draining_;
  bool started_ = false;
  bool drains_ = false;
  /// What the log has been told last.
  bool was_slow_ = false;

  // Last, so that it goes first: it answers whoever waits.
  cache::l2_core core_;
};

/// Spawns the level on `loop`, that of Redis' client.
cache_l2_state::actor_type spawn_cache_l2(event_loop& loop, cache_l2_options options);

} // namespace dbs
