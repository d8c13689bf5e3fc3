// Settings from a TOML file.
#pragma once

#include "dbs/config/internal/setting_candidate.hpp"

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace dbs::internal {

/// A larger file is not a configuration.
inline constexpr size_t max_config_bytes = size_t{1} << 20;

/// Reads `path`. A file that cannot be read or parsed is one violation; a value of
/// another TOML type than the setting takes, and an unknown key, is one each. A quoted
/// name with a dot in it is an unknown key.
source_content read_toml_file(const std::filesystem::path& path);

/// The same for the text of a file called `name`.
source_content read_toml(std::string_view text, const std::string& name);

} // namespace dbs::internal
