// What a development node tells its user once it listens.
#pragma once

#include "dbs/actors/services.hpp"

#include <string>
#include <utility>
#include <vector>

namespace dbs {

/// Where everything is, and the `curl` and `dbsctl` lines to try next.
///
/// @param urls of the private servers, with the passwords: nobody else knows them.
/// @param sql a statement for dbsctl, quoted for a shell.
void print_what_next(const database_services& services,
                     const std::vector<std::pair<std::string, std::string>>& urls,
                     const std::string& sql);

} // namespace dbs
