// The modes of the runbook and what each presets.
#pragma once

#include "dbs/config/settings.hpp"

#include <array>
#include <span>
#include <string_view>

namespace dbs {

struct mode_preset {
  std::string_view name;
  uint32_t pool_size;
  uint32_t max_overflow;
  caf::timespan acquire_timeout;
  uint32_t l1_size;
  caf::timespan l2_ttl;
};

/// mcp_server, ml_training, admin, async_modern, ha.
std::span<const mode_preset> mode_presets();

/// The names alone, for messages and for the setting `mode`.
std::span<const std::string_view> mode_names();

/// The preset of a mode, or null.
const mode_preset* find_mode(std::string_view name);

/// The keys of the settings that a preset replaces.
inline constexpr std::array<std::string_view, 5> preset_keys{
    "database.pool_size", "database.max_overflow", "database.acquire_timeout", "cache.l1_size",
    "cache.l2_ttl"};

/// Replaces the settings of `preset_keys`, those of every database, and `mode`.
void apply_mode(const mode_preset& preset, settings& values);

} // namespace dbs
