// How the supervisor starts, watches and stops one child.
#pragma once

#include "dbs/messages/manager/control.hpp"
#include "dbs/runtime/resilience/backoff.hpp"

#include <caf/actor_control_block.hpp>

#include <functional>
#include <string>
#include <vector>

namespace dbs {

struct child_spec {
  /// One of the ids in the documentation: postgres_pool, redis, health, http, ...
  std::string id;
  /// Children whose start must have been answered before this one starts.
  std::vector<std::string> dependencies;
  /// The stable handle that everybody else holds; made by `front::make`.
  caf::strong_actor_ptr front;
  /// Spawns an incarnation. Runs in the supervisor; an exception counts as a crash.
  std::function<manager_control_actor()> spawn;
  /// Between a crash and the next incarnation: at once, then 100 ms doubled up to
  /// 10 s, minus up to 20 %.
  backoff_options restart;
  /// An incarnation that has been up for this long starts the backoff afresh.
  caf::timespan healthy_after = std::chrono::seconds{60};
  /// How long those that depend on this child wait for its first start.
  caf::timespan start_patience = std::chrono::seconds{2};
  /// How long running work may take on shutdown before the child is stopped.
  caf::timespan drain_timeout = std::chrono::seconds{5};
};

} // namespace dbs
