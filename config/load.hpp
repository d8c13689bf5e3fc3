// Puts the settings together: defaults, development, mode, file, environment, flags,
// and a mode that the program names.
//
// The programs call this once at their start; an embedding host that has its own
// configuration fills a `settings` and calls `validate_settings` (validation.hpp).
#pragma once

#include "dbs/config/setting_origin.hpp"
#include "dbs/config/settings.hpp"

#include <caf/error.hpp>
#include <caf/expected.hpp>

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dbs {

struct config_sources {
  std::map<std::string, std::string> environment;
  /// A TOML file that must exist.
  std::optional<std::filesystem::path> file;
  /// Dotted key and text, as after `--set`.
  std::vector<std::pair<std::string, std::string>> flags;
  /// What stands behind `--mode`, if that is given; as strong as the other flags.
  std::optional<std::string> mode_flag;
  /// A mode the program chose itself (`get_database_services(system, "async_modern")`),
  /// stronger than a flag. Empty leaves the choice to the sources.
  std::string mode;
  /// Dotted key and text of what the program brings along in development mode
  /// (`--dev`): servers of its own, free ports. For settings that nobody gave.
  std::vector<std::pair<std::string, std::string>> development;
  /// Whether DATABASE_URL, REDIS_URL and those of named databases must be there; false for a
  /// program that only looks at settings.
  bool require_targets = true;
};

struct loaded_settings {
  settings values;
  /// One entry per row of the table with the named databases, by dotted key.
  std::map<std::string, setting_origin, std::less<>> origins;
};

/// A mode that the program chose beats any other mode. Flags beat the environment, which
/// beats the file, the arguments of a database's URL, the mode, development mode and the
/// defaults, in this order. The error is `errc::config_invalid` with every violation: one
/// per line in `what`, and one field each, whose name is the dotted key (or the unknown
/// variable) and whose value is the line. No secret appears in it. Any thread.
caf::expected<loaded_settings> load_settings(const config_sources& sources);

/// The environment of this process. Not while another thread changes it.
std::map<std::string, std::string> read_process_environment();

} // namespace dbs
