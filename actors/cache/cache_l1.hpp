// The first level of the cache as a manager. The memory itself belongs to the services and is
// read by its clients, whatever happens to this actor, which looks after it.
#pragma once

#include "dbs/messages/manager/control.hpp"
#include "dbs/runtime/cache/cache_memory.hpp"
#include "dbs/runtime/caf/loop_actor.hpp"

#include <memory>

namespace dbs {

/// Takes out what has expired, and frees what nobody reads any more, a piece at a time.
class cache_l1_state {
public:
  using actor_type = manager_control_actor;
  static inline const char* name = "dbs.cache.l1";

  cache_l1_state(loop_actor<actor_type>* self, std::shared_ptr<cache::cache_memory> memory);

  actor_type::behavior_type make_behavior();

private:
  health_report health() const;
  stats_report stats() const;
  void maintain();

  loop_actor<actor_type>* self_;
  std::shared_ptr<cache::cache_memory> memory_;
  bool started_ = false;
  bool drained_ = false;
};

cache_l1_state::actor_type spawn_cache_l1(event_loop& loop,
                                          std::shared_ptr<cache::cache_memory> memory);

} // namespace dbs
