// How CAF is set up in the programs of this project. A host that embeds the
// services has a configuration of its own, which works as well.
#pragma once

#include <caf/actor_system_config.hpp>

#include <algorithm>
#include <thread>

namespace dbs {

/// What dbsd gives its actor system, and the benchmarks theirs.
class program_config : public caf::actor_system_config {
public:
  program_config() {
    // An idle `stealing` scheduler of CAF 0.18 adds 50 to 100 us to every wake-up.
    set("caf.scheduler.policy", "sharing");
    // The loop of PostgreSQL's sockets keeps a core busy. More workers than there are
    // other cores take turns with it: half the throughput on two cores.
    set("caf.scheduler.max-threads", std::max(2u, std::thread::hardware_concurrency()) - 1);
  }
};

} // namespace dbs
