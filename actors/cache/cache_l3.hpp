// The third level of the cache as a manager: looks after the table, and executes the
// statements of the level's logic on the pool.
#pragma once

#include "dbs/config/settings.hpp"
#include "dbs/messages/manager/control.hpp"
#include "dbs/messages/postgres/pool.hpp"
#include "dbs/runtime/cache/l3_core.hpp"
#include "dbs/runtime/caf/loop_actor.hpp"
#include "dbs/runtime/caf/startup.hpp"
#include "dbs/runtime/io/loop_link.hpp"
#include "dbs/runtime/observe/log.hpp"
#include "dbs/runtime/observe/metrics.hpp"
#include "dbs/runtime/resilience/backoff.hpp"

#include <functional>
#include <memory>
#include <vector>

namespace dbs {

namespace internal {
class cache_l3_metrics;
} // namespace internal

/// What the level needs; shared by its incarnations.
struct cache_l3_options {
  cache_settings settings;
  /// The front of the pool of `[database]`, on the same loop.
  postgres_pool_actor pool;
  /// Where the cache finds the level while the table is there.
  std::shared_ptr<loop_link<cache::cache_level>> link;
  std::shared_ptr<cache::level_counters> counters;
  std::shared_ptr<observe::registry> metrics;
  std::shared_ptr<observe::logger> log;
  cache::l3_limits limits;
  /// What all hosts agree on.
  cache::wall_clock clock = cache::system_wall_time;
};

/// Owns the level's logic, which the cache calls directly, in the turns of the loop. At the
/// start it makes the table if there is none. While PostgreSQL or the table is away it looks
/// for them with growing pauses; after a statement that failed for such a reason it looks at
/// once. When it dies, open calls are answered `restarted`.
class cache_l3_state : private cache::l3_database, private deferred_work {
public:
  using actor_type = manager_control_actor;
  static inline const char* name = "dbs.cache.l3";

  cache_l3_state(loop_actor<actor_type>* self, cache_l3_options options);
  ~cache_l3_state();

  actor_type::behavior_type make_behavior();

private:
  using time_point = timer_queue::time_point;
  using on_rows = std::function<void(caf::expected<pg_result>)>;

  // -- messages ------------------------------------------------------------------

  caf::result<void> start();
  caf::result<void> drain(const call_context& context);
  health_report health() const;
  stats_report stats() const;

  void tick();
  void end_drain_if_idle();
  void end_drain();

  // -- the table -----------------------------------------------------------------

  void look();
  void on_seen(caf::expected<pg_result> seen);
  void create();
  void on_there();
  void on_away(const caf::error& reason);
  void suspect(const caf::error& reason);

  // -- statements ----------------------------------------------------------------

  void flush_soon() override;
  void run_deferred() override;
  void execute(pg_statement what, time_point deadline, cache::l3_token token) override;
  void on_result(cache::l3_token token, time_point sent, caf::expected<pg_result> result);
  void ask_pool(pg_statement what, time_point deadline, on_rows then);

  loop_actor<actor_type>* self_;
  const cache_l3_options options_;
  std::unique_ptr<internal::cache_l3_metrics> metrics_;
  startup startup_;
  std::vector<reply<void>> draining_;
  backoff backoff_;
  caf::error last_error_;
  bool started_ = false;
  bool drains_ = false;
  bool flush_is_deferred_ = false;
  bool looks_ = false;
  /// The table was not there, and has been made since.
  bool created_ = false;

  // Last, so that it goes first: it answers whoever waits.
  cache::l3_core core_;
};

/// Spawns the level on `loop`, that of the pool.
cache_l3_state::actor_type spawn_cache_l3(event_loop& loop, cache_l3_options options);

} // namespace dbs
