// What one says to an L1 store, and what it says.
#pragma once

#include "dbs/runtime/cache/coarse_clock.hpp"
#include "dbs/runtime/cache/entry.hpp"
#include "dbs/runtime/cache/eviction_policy.hpp"
#include "dbs/runtime/cache/s3_fifo.hpp"
#include "dbs/runtime/cache/version.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace dbs::cache {

struct l1_limits {
  /// Of `bytes`: a process does not have many more addresses than twelve times this.
  static constexpr size_t max_bytes = size_t{1} << 43;

  /// At least one for each shard.
  size_t entries = 1000;
  /// Of all memory that goes with the number or the size of the entries: keys, values,
  /// headers, tables, holes. A store does not get smaller than an eighth of what it was made
  /// with, nor than 32 KiB a shard. Twelve times as many addresses are reserved.
  size_t bytes = size_t{64} << 20;
};

struct l1_options {
  l1_limits limits = {};
  /// A power of two up to 256. 0: as many as leave at least 64 entries and 1 MiB to each,
  /// at most 64. Stays as it is when the limits are changed.
  size_t shards = 0;
  coarse_clock clock = {};
  /// How long an erased key's version is remembered: longer than a load may take, at most
  /// a day.
  std::chrono::milliseconds tombstone_ttl{30'000};
  /// Makes one for each shard.
  policy_factory policy = make_s3_fifo;
};

/// What a reader sees. The bytes are there as long as `read` has not returned.
struct l1_view {
  std::string_view value;
  entry_meta meta;
  /// Past `meta.soft`.
  bool stale = false;
};

/// What is called with a view, whatever its type is. It refers to it, and is passed by value.
class l1_visitor {
public:
  template <class Use>
  explicit l1_visitor(Use& use) noexcept
      : call_([](const void* f, const l1_view& view) {
          (*const_cast<Use*>(static_cast<const Use*>(f)))(view);
        }),
        use_(std::addressof(use)) {}

  void operator()(const l1_view& view) const { call_(use_, view); }

private:
  void (*call_)(const void* use, const l1_view& view);
  const void* use_;
};

/// The newest that is known of a key: an entry, which may be past its time, or a tombstone.
struct l1_known {
  version vers;
  /// There is a value, negative entries and what has expired not counted.
  bool has_value = false;
};

enum class l1_outcome : uint8_t {
  done,
  /// There is, or was not long ago, a newer version; nothing has changed.
  older,
  /// Key or value are longer than `entry` or the limits allow.
  too_large,
  /// No memory within the limits, because readers hold on to it; it passes by itself.
  busy,
};

struct l1_stats {
  // Since the beginning.
  uint64_t hits = 0;
  uint64_t stale_hits = 0;
  uint64_t misses = 0;
  uint64_t stored = 0;
  uint64_t evicted = 0;
  uint64_t expired = 0;
  uint64_t erased = 0;
  uint64_t refused_older = 0;
  uint64_t refused_too_large = 0;
  uint64_t refused_busy = 0;
  /// Of entries that were copied to close holes.
  uint64_t moved_bytes = 0;
  // Now.
  size_t entries = 0;
  size_t tombstones = 0;
  /// What counts against `l1_limits::bytes`.
  size_t bytes = 0;
};

} // namespace dbs::cache
