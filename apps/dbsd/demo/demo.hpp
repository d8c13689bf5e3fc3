// `dbsd --demo`: loads the catalogue, runs the workload, shows the figures.
#pragma once

#include "dbs/actors/services.hpp"

#include <caf/actor_system.hpp>

#include <chrono>
#include <stop_token>

namespace dbs::demo {

struct options {
  /// Of the workload.
  std::chrono::seconds duration;
  /// Ends the loading and the workload early, which is `errc::draining`.
  std::stop_token stop;
};

/// Prints to standard output; progress lines only on a terminal.
caf::error run(caf::actor_system& system, const database_services& services, const options& how);

} // namespace dbs::demo
