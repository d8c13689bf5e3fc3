#include "dbs/runtime/caf/program_config.hpp"

#include "dbs/runtime/caf/shared_queue_policy.hpp"

#include <caf/actor_system.hpp>

#include <algorithm>
#include <thread>

namespace dbs {

program_config::program_config() {
  // The `stealing` policy of CAF 0.18 adds 50 to 100 us to every wake-up of an idle
  // worker.
  module_factories.emplace_back([](caf::actor_system& system) -> caf::actor_system::module* {
    return new caf::scheduler::coordinator<shared_queue_policy>(system);
  });
  // CAF's own default is at least four. No core need be left to the loop of PostgreSQL's
  // sockets, which idle workers serve; with a single worker, who computes keeps all
  // other callers waiting.
  set("caf.scheduler.max-threads", std::max(2u, std::thread::hardware_concurrency()));
}

} // namespace dbs
