// What the cache of one services instance has in common with all incarnations of its
// managers, and with its clients.
#pragma once

#include "dbs/config/settings.hpp"
#include "dbs/runtime/cache/coarse_clock.hpp"
#include "dbs/runtime/cache/hybrid_clock.hpp"
#include "dbs/runtime/cache/l1_store.hpp"
#include "dbs/runtime/cache/namespaces.hpp"
#include "dbs/runtime/cache/recent_erasures.hpp"
#include "dbs/runtime/cache/unsettled_writes.hpp"
#include "dbs/runtime/observe/histogram.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dbs::cache {

/// What has been counted since the start of the services; see `cache_stats`.
struct core_counts {
  uint64_t loads = 0;
  uint64_t load_errors = 0;
  uint64_t joins = 0;
  uint64_t stale_served = 0;
  uint64_t discarded = 0;
  uint64_t puts = 0;
  uint64_t erasures = 0;
  uint64_t invalidations = 0;
  uint64_t repairs = 0;
  uint64_t late = 0;
  uint64_t overloaded = 0;
};

struct cache_memory {
  explicit cache_memory(const cache_settings& settings, coarse_clock clock = {},
                        wall_clock wall = system_wall_time,
                        version_clock version_time = system_version_time);

  // -- for any thread ----------------------------------------------------------------

  /// Calls `use(const l1_view&)` if L1 has the key, and has it fresh.
  template <class Use>
  bool read_fresh(std::string_view key, Use&& use) {
    constexpr uint32_t one_in = 1024;
    thread_local constinit uint32_t reads = 0;
    auto fresh = false;
    auto look = [&] {
      l1.read(key, [&](const l1_view& view) {
        if (!view.stale) {
          fresh = true;
          use(view);
        }
      });
    };
    if (++reads % one_in == 0) {
      auto began = std::chrono::steady_clock::now();
      look();
      l1_latency.record(
          std::chrono::duration_cast<caf::timespan>(std::chrono::steady_clock::now() - began));
    } else {
      look();
    }
    return fresh;
  }

  /// What L1 has of a key, if it is fresh.
  std::optional<cache_value> look_up(std::string_view key, bool without_value = false);

  l1_store l1;
  namespaces names;
  /// Of one L1 read in a thousand.
  observe::histogram l1_latency;
  observe::histogram load_latency;

  // -- for who has the turn of the cache's loop ----------------------------------------

  coarse_clock coarse;
  wall_clock wall;
  hybrid_clock versions;
  unsettled_writes unsettled;
  recent_erasures erasures;
  core_counts counts;
};

} // namespace dbs::cache
