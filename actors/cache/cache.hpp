// The cache as a manager: translates messages for its logic, and calls loaders.
#pragma once

#include "dbs/messages/cache/cache.hpp"
#include "dbs/messages/manager/control.hpp"
#include "dbs/messages/postgres/pool.hpp"
#include "dbs/runtime/cache/cache_core.hpp"
#include "dbs/runtime/cache/l2_core.hpp"
#include "dbs/runtime/cache/level_figures.hpp"
#include "dbs/runtime/caf/loop_actor.hpp"
#include "dbs/runtime/caf/reply_slab.hpp"
#include "dbs/runtime/io/blocking_pool.hpp"
#include "dbs/runtime/observe/log.hpp"
#include "dbs/runtime/observe/metrics.hpp"

#include <memory>
#include <string>
#include <vector>

namespace dbs {

namespace internal {
class cache_metrics;
} // namespace internal

/// What the cache needs; shared by its incarnations.
struct cache_options {
  cache::core_options core;
  std::shared_ptr<cache::level_counters> l2_counters;
  std::shared_ptr<cache::level_counters> l3_counters;
  /// The same as `core.l2`, while that is Redis.
  std::shared_ptr<loop_link<cache::l2_core>> redis;
  /// Where SQL loaders run.
  postgres_pool_actor database;
  std::shared_ptr<observe::registry> metrics;
  std::shared_ptr<observe::logger> log;
};

/// Lives on the loop of Redis, whose client it reaches without messages. When it dies, open
/// requests are answered `restarted`; what has not arrived on every level is taken up by the
/// next incarnation.
class cache_state : private cache::cache_core_owner {
public:
  using actor_type = cache_actor::extend_with<manager_control_actor>;
  static inline const char* name = "dbs.cache";

  cache_state(loop_actor<actor_type>* self, cache_options options);
  ~cache_state();

  actor_type::behavior_type make_behavior();

private:
  using request_token = cache::request_token;
  using load_token = cache::load_token;
  using time_point = cache::cache_core::time_point;

  /// Runs a call of the core within the handler of a request: the levels may answer at once.
  template <class F>
  void as_request(F call) {
    in_request_ = true;
    call();
    in_request_ = false;
  }

  caf::result<cache_sizes> tune(const cache_tuning& what);
  caf::error resize_l1(uint64_t entries);
  caf::result<void> start();
  caf::result<void> drain(const call_context& context);
  health_report health() const;
  cache_stats figures() const;
  void tick();

  // -- loaders: loading.cpp ------------------------------------------------------------

  void load_from(const cache_loader_actor& loader, load_token token, const std::string& key,
                 time_point deadline);
  void load_with(const cache::load_function& loader, load_token token, const std::string& key);
  void load_by(const cache::sql_loader& loader, load_token token, const std::string& key,
               time_point deadline);

  // cache_core_owner
  void on_value(request_token token, caf::expected<cache_value> what) override;
  void on_values(request_token token, caf::expected<std::vector<cache_value>> what) override;
  void on_done(request_token token, caf::expected<void> what) override;
  void on_erased(request_token token, caf::expected<bool> what) override;
  void load(load_token token, const cache::cache_loader& how, const std::string& key,
            time_point deadline) override;
  void on_drained() override;
  void do_enter(void (*body)(void*), void* context) override;

  loop_actor<actor_type>* self_;
  const cache_options options_;
  std::unique_ptr<internal::cache_metrics> metrics_;
  internal::reply_slab<cache_value> values_;
  internal::reply_slab<std::vector<cache_value>> value_lists_;
  internal::reply_slab<void> done_;
  internal::reply_slab<bool> erased_;
  std::vector<reply<void>> draining_;
  bool in_request_ = false;
  bool started_ = false;
  bool drains_ = false;

  // Last, so that they go first: they leave the levels, and the threads of functions.
  cache::cache_core core_;
  blocking_pool functions_;
};

/// Spawns the cache on `loop`, that of its levels.
cache_state::actor_type spawn_cache(event_loop& loop, cache_options options);

} // namespace dbs
