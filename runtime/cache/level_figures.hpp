// What a level beyond this process counts of itself.
#pragma once

#include "dbs/runtime/observe/histogram.hpp"

#include <cstdint>

namespace dbs::cache {

/// Of reads, each key counts.
struct level_figures {
  uint64_t hits = 0;
  /// What is erased, has expired, or makes no sense, among them.
  uint64_t misses = 0;
  /// Calls that were answered with an error, but for `timeouts`: keys of reads, and writes.
  uint64_t errors = 0;
  /// The same, because the deadline passed.
  uint64_t timeouts = 0;
  /// Entries whose bytes make no sense.
  uint64_t corrupt = 0;
  /// Writes, fills and erasures of a key that were done.
  uint64_t writes = 0;
  /// Those that were not done, since there is something newer, or not what was seen.
  uint64_t refused_older = 0;
};

/// Since the start of the services: shared by all incarnations of a level, and by whoever
/// reports. `counted` is for who has the turn of their loop alone.
struct level_counters {
  level_figures counted;
  /// Of reads that were answered, from asking to the answer.
  observe::histogram reads;
};

} // namespace dbs::cache
