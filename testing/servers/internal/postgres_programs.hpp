// Finds PostgreSQL's server programs and keeps a ready-made data directory.
#pragma once

#include "dbs/testing/servers/account.hpp"

#include <filesystem>
#include <optional>
#include <string>

namespace dbs::testing::internal {

/// The directory that holds `initdb` and `postgres`: where pg_config says, else the
/// highest version below /usr/lib/postgresql, else in PATH. Throws
/// `std::runtime_error` that names what to install.
std::filesystem::path find_postgres_programs();

/// What `initdb` makes takes most of a second, so it is made once per machine,
/// PostgreSQL version and superuser name, and kept below
/// ${XDG_CACHE_HOME:-$HOME/.cache}/dbs-testing. Safe against several processes that
/// find it missing at once. Returns its path.
std::filesystem::path postgres_template(const std::filesystem::path& programs,
                                        const std::string& superuser,
                                        const std::optional<account>& run_as);

/// Copies the template into the empty directory `target` and gives it to `owner`.
void copy_template(const std::filesystem::path& from, const std::filesystem::path& target,
                   const std::optional<account>& owner);

} // namespace dbs::testing::internal
