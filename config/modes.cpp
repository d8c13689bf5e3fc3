#include "dbs/config/modes.hpp"

#include "dbs/config/database_name.hpp"

#include <chrono>
#include <cstddef>
#include <string>

namespace dbs {

namespace {

using namespace std::chrono_literals;

constexpr std::array<mode_preset, 5> presets{{
    {"mcp_server", 20, 10, 200ms, 2000, 900s},
    {"ml_training", 15, 10, 5s, 1500, 1800s},
    {"admin", 5, 2, 10s, 500, 7200s},
    {"async_modern", 12, 8, 5s, 1000, 3600s},
    {"ha", 20, 20, 10s, 2500, 1800s},
}};

constexpr auto names = [] {
  std::array<std::string_view, presets.size()> result;
  for (size_t i = 0; i < presets.size(); ++i)
    result[i] = presets[i].name;
  return result;
}();

} // namespace

std::span<const mode_preset> mode_presets() {
  return presets;
}

std::span<const std::string_view> mode_names() {
  return names;
}

const mode_preset* find_mode(std::string_view name) {
  for (auto& preset : presets)
    if (preset.name == name)
      return &preset;
  return nullptr;
}

void apply_mode(const mode_preset& preset, settings& values) {
  values.mode = std::string{preset.name};
  for (auto& name : database_names(values)) {
    auto& database = database_of(values, name);
    database.pool_size = preset.pool_size;
    database.max_overflow = preset.max_overflow;
    database.acquire_timeout = preset.acquire_timeout;
  }
  values.cache.l1_size = preset.l1_size;
  values.cache.l2_ttl = preset.l2_ttl;
}

} // namespace dbs
