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

cache_memory::cache_memory(const cache_settings& settings, coarse_clock clock, wall_clock wall_now)
    : l1(options_of(settings, clock)), coarse(clock), wall(std::move(wall_now)), versions(wall) {}

} // namespace dbs::cache
