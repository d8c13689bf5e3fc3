// Where a setting's value comes from.
#pragma once

#include <cstdint>
#include <string>

namespace dbs {

/// In ascending order of strength.
enum class setting_source : uint8_t {
  /// The default of settings.hpp.
  builtin,
  /// What the program brings along in development mode.
  development,
  /// The preset of the mode.
  mode,
  /// An argument of the URL of the database.
  url,
  file,
  environment,
  flag,
  /// Filled in by a host program, or the mode that it names.
  program,
};

struct setting_origin {
  setting_source source = setting_source::builtin;
  /// The mode, the URL's key, the file, the variable or the flag.
  std::string name;
  /// In the file, counted from 1; 0 elsewhere.
  uint32_t line = 0;

  friend bool operator==(const setting_origin&, const setting_origin&) = default;
};

/// Renders "environment variable DATABASE_URL" or "file dbs.toml line 3".
std::string to_string(const setting_origin& origin);

} // namespace dbs
