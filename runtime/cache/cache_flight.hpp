// A key that is being looked up, and those who wait for it.
#pragma once

#include "dbs/runtime/cache/namespaces.hpp"
#include "dbs/runtime/cache/stored_value.hpp"
#include "dbs/runtime/cache/unsettled_writes.hpp"
#include "dbs/runtime/io/timer_queue.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dbs::cache {

/// Chosen by whoever asks; comes back with the answer.
using request_token = uint64_t;

struct waiter {
  /// Of a request with one key; or of the group of one with many.
  request_token token = 0;
  timer_queue::time_point deadline = timer_queue::time_point::max();
  /// How many invalidations there had been when it asked.
  uint64_t invalidations = 0;
  /// Where its answer belongs in its group.
  uint32_t index = 0;
  bool in_group = false;
  bool wants_load = false;
  bool without_value = false;
};

/// It goes from level to level, then to the loader, and is answered by the first that knows.
/// As long as the key is not written it is the only one of its key: whoever asks joins it.
struct cache_flight {
  uint32_t slot = 0;
  std::string key;
  std::vector<waiter> waiters;
  std::shared_ptr<const namespace_options> options;
  /// Brought along by who asked; null: that of the namespace.
  std::shared_ptr<const cache_loader> loader;
  /// The key was written or invalidated since it began. It answers those who wait, who have
  /// asked before, but nobody joins it any more, and nothing of it is kept.
  bool detached = false;
  /// The last write before it began, if that had not arrived on the level: what is older there is
  /// not believed, though the write may have arrived by the time when it is heard.
  version least_in_l2;
  version least_in_l3;
  /// Somebody wants the loader called, be it to renew what was served stale.
  bool wants_load = false;
  /// Nobody may be left who waits for it: it renews what was served stale.
  bool renews = false;
  /// The levels have been asked; its loader runs, or is about to.
  bool loading = false;
  /// Those beyond memory that have its key.
  level_set levels = no_level;
  /// Of a level that was asked there was no answer.
  bool level_failed = false;
  /// What L2 has of the key, as far as it was heard.
  std::optional<version> seen_l2;
  std::optional<version> seen_l3;
  /// Past its time, but better than nothing.
  std::optional<stored_value> stale;
  /// Its tags, as `tag_bits`.
  uint64_t stale_tags = 0;
  cache_source stale_from = cache_source::none;
  /// L2 knows that what it has, or had, does not count any more.
  bool gone_in_l2 = false;
  /// Of what the loader will find.
  version load_version;
  /// How many invalidations there had been when it was called.
  uint64_t load_invalidations = 0;
};

} // namespace dbs::cache
