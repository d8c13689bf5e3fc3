#include "dbs/actors/cache/cache_children.hpp"

#include "dbs/actors/cache/cache.hpp"
#include "dbs/actors/cache/cache_l1.hpp"
#include "dbs/actors/cache/cache_l2.hpp"
#include "dbs/actors/cache/cache_l3.hpp"

namespace dbs {

cache_children::cache_children(const cache_settings& settings)
    : memory_(std::make_shared<cache::cache_memory>(settings)) {}

std::vector<child_spec> cache_children::specs(
    const surroundings& around,
    const std::function<caf::strong_actor_ptr(const std::string& id)>& front_of) const {
  std::vector<child_spec> result;
  auto add = [&](std::string id, std::vector<std::string> dependencies,
                 std::function<manager_control_actor()> spawn) {
    child_spec spec;
    spec.id = std::move(id);
    spec.dependencies = std::move(dependencies);
    spec.front = front_of(spec.id);
    spec.spawn = std::move(spawn);
    result.push_back(std::move(spec));
  };
  auto* sockets = &around.sockets;
  auto* control = &around.control;
  add("cache.l1", {}, [control, memory = memory_] { return spawn_cache_l1(*control, memory); });
  cache_l2_options l2{around.settings, redis_,         l2_,       tuning_,
                      l2_counters_,    around.metrics, around.log};
  add("cache.l2", {"redis"},
      [sockets, l2]() -> manager_control_actor { return spawn_cache_l2(*sockets, l2); });
  std::vector<std::string> levels{"cache.l1", "cache.l2"};
  if (around.settings.l3_enabled) {
    cache_l3_options l3;
    l3.settings = around.settings;
    l3.pool = around.database;
    l3.link = l3_;
    l3.counters = l3_counters_;
    l3.metrics = around.metrics;
    l3.log = around.log;
    add("cache.l3", {"postgres_pool"},
        [sockets, l3]() -> manager_control_actor { return spawn_cache_l3(*sockets, l3); });
    levels.emplace_back("cache.l3");
  }
  cache_options cache;
  cache.core.settings = around.settings;
  cache.core.memory = memory_;
  cache.core.l2 = l2_;
  cache.core.l3 = l3_;
  cache.l2_counters = l2_counters_;
  cache.l3_counters = l3_counters_;
  cache.redis = tuning_;
  cache.database = around.database;
  cache.metrics = around.metrics;
  cache.log = around.log;
  // SQL loaders run on the pool, too.
  levels.emplace_back("postgres_pool");
  add("cache", std::move(levels),
      [sockets, cache]() -> manager_control_actor { return spawn_cache(*sockets, cache); });
  return result;
}

} // namespace dbs
