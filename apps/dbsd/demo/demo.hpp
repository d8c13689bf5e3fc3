// `dbsd --demo`: loads the catalogue, runs the workload, shows the figures.
#pragma once

#include "dbs/actors/services.hpp"

#include <caf/actor_system.hpp>

#include <string>

namespace dbs::demo {

/// Prints to standard output; progress lines only on a terminal.
caf::error run(caf::actor_system& system, const database_services& services);

/// The `curl` and `dbsctl` lines to try next. `directory` is where dbsctl lies.
void print_what_next(const database_services& services, const std::string& directory);

} // namespace dbs::demo
