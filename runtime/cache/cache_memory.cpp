#include "dbs/runtime/cache/cache_memory.hpp"

#include "dbs/runtime/cache/limits.hpp"

#include <utility>

namespace dbs::cache {

namespace {

l1_options options_of(const cache_settings& settings, const coarse_clock& clock) {
  l1_options result;
  result.limits = {settings.l1_size, size_t{settings.l1_mib} << 20};
  result.clock = clock;
  result.tombstone_ttl = erasure_ttl(settings);
  return result;
}

} // namespace

cache_memory::cache_memory(const cache_settings& settings, coarse_clock clock, wall_clock wall_now,
                           version_clock version_time)
    : l1(options_of(settings, clock)), coarse(clock), wall(std::move(wall_now)),
      versions(std::move(version_time)) {}

std::optional<cache_value> cache_memory::look_up(std::string_view key, bool without_value) {
  std::optional<cache_value> result;
  read_fresh(key, [&](const l1_view& view) {
    auto found = view.meta.kind == entry_kind::value;
    result.emplace(cache_value{found, found && !without_value ? blob{view.value} : blob{},
                               cache_source::l1, false});
  });
  return result;
}

} // namespace dbs::cache
