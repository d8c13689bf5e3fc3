// What a development node tells its user once it listens.
#pragma once

#include "dbs/actors/services.hpp"

#include <string>
#include <utility>
#include <vector>

namespace dbs {

/// The addresses of the private servers, with the passwords that nobody else knows
/// to ask for: `settings` is what `development_servers` has.
void print_addresses(const std::vector<std::pair<std::string, std::string>>& settings);

/// The `curl` and `dbsctl` lines to try next. `sql` is a statement for the latter,
/// quoted for a shell.
void print_what_next(const database_services& services, const std::string& sql);

} // namespace dbs
