// The names of further databases, `[databases.NAME]`, and what follows from a name.
#pragma once

#include "dbs/config/settings.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dbs {

/// How many databases may have names.
inline constexpr size_t max_databases = 16;

/// What names there are, for messages.
inline constexpr std::string_view database_name_grammar =
    "a lower-case letter and up to 31 more lower-case letters, digits and underscores, but not "
    "'default'";

/// Judges by that grammar. Any thread.
bool is_database_name(std::string_view name);

/// What stands in the place of the name in a key or group of a named database: "reports" in
/// "databases.reports.url" and in "databases.reports". None in all other keys.
std::optional<std::string_view> database_in(std::string_view key);

// In what follows the empty name is that of `settings::database`.

/// What the keys of a database's settings stand in: "database", "databases.reports".
std::string database_group(std::string_view name);

/// All databases of `values`, the empty name first.
std::vector<std::string> database_names(const settings& values);

/// The settings of one of `database_names`.
const database_settings& database_of(const settings& values, const std::string& name);
database_settings& database_of(settings& values, const std::string& name);

} // namespace dbs
