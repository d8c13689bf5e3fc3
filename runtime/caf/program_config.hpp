// How CAF is set up in the programs of this project. A host that embeds the
// services has a configuration of its own, which works as well.
#pragma once

#include <caf/actor_system_config.hpp>

namespace dbs {

/// What dbsd gives its actor system, and the benchmarks theirs: a scheduler with
/// `shared_queue_policy`, and a worker for each core, but two at least.
class program_config : public caf::actor_system_config {
public:
  program_config();
};

} // namespace dbs
