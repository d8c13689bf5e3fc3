// The cache and its levels, as children of the supervisor.
#pragma once

#include "dbs/actors/client/cache_client.hpp"
#include "dbs/actors/supervisor/child_spec.hpp"
#include "dbs/config/settings.hpp"
#include "dbs/messages/postgres/pool.hpp"
#include "dbs/runtime/cache/cache_memory.hpp"
#include "dbs/runtime/cache/l2_core.hpp"
#include "dbs/runtime/cache/level_figures.hpp"
#include "dbs/runtime/caf/event_loop.hpp"
#include "dbs/runtime/io/loop_link.hpp"
#include "dbs/runtime/observe/log.hpp"
#include "dbs/runtime/observe/metrics.hpp"
#include "dbs/runtime/redis/redis_core.hpp"

#include <memory>
#include <string>
#include <vector>

namespace dbs {

/// What outlives the incarnations of the four: the memory, what they count, and where they
/// find each other. Must not go before the loops have stopped.
class cache_children {
public:
  struct surroundings {
    cache_settings settings;
    /// That of Redis and of the pool.
    event_loop& sockets;
    /// For what has no sockets.
    event_loop& control;
    postgres_pool_actor database;
    std::shared_ptr<observe::registry> metrics;
    std::shared_ptr<observe::logger> log;
  };

  explicit cache_children(const cache_settings& settings);

  /// `cache.l1`, `cache.l2`, `cache.l3` unless it is switched off, and `cache`.
  ///
  /// @param front_of makes the front of a child, or finds it.
  std::vector<child_spec>
  specs(const surroundings& around,
        const std::function<caf::strong_actor_ptr(const std::string& id)>& front_of) const;

  /// For the Redis manager, which is found there by the second level.
  const std::shared_ptr<loop_link<redis::redis_core>>& redis() const noexcept { return redis_; }

  const std::shared_ptr<cache::cache_memory>& memory() const noexcept { return memory_; }

private:
  std::shared_ptr<cache::cache_memory> memory_;
  std::shared_ptr<cache::level_counters> l2_counters_ = std::make_shared<cache::level_counters>();
  std::shared_ptr<cache::level_counters> l3_counters_ = std::make_shared<cache::level_counters>();
  std::shared_ptr<loop_link<redis::redis_core>> redis_ =
      std::make_shared<loop_link<redis::redis_core>>();
  std::shared_ptr<loop_link<cache::cache_level>> l2_ =
      std::make_shared<loop_link<cache::cache_level>>();
  std::shared_ptr<loop_link<cache::cache_level>> l3_ =
      std::make_shared<loop_link<cache::cache_level>>();
  std::shared_ptr<loop_link<cache::l2_core>> tuning_ =
      std::make_shared<loop_link<cache::l2_core>>();
};

} // namespace dbs
