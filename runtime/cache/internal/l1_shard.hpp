// A part of an L1 store: the keys with a part of the hashes, under one lock for writers.
#pragma once

#include "dbs/runtime/cache/internal/entry_arena.hpp"
#include "dbs/runtime/cache/internal/entry_index.hpp"
#include "dbs/runtime/cache/internal/entry_queue.hpp"
#include "dbs/runtime/cache/internal/l1_pages.hpp"
#include "dbs/runtime/cache/internal/version_floor.hpp"
#include "dbs/runtime/cache/l1_types.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>

namespace dbs::cache {

class l1_shard final : private entry_mover {
public:
  using time_point = coarse_clock::time_point;

  l1_shard(const l1_limits& share, std::chrono::milliseconds tombstone_ttl, l1_pages& pages,
           reader_slots& readers, std::unique_ptr<eviction_policy> policy);

  // -- for readers -------------------------------------------------------------------

  /// By a pinned reader; see `entry_index::find`.
  const entry* find(uint64_t hash, std::string_view key, bool& settled) const noexcept {
    return index_.find(hash, key, settled);
  }

  /// By any reader: calls `use(const entry*)` under the lock.
  template <class Use>
  bool find_locked(uint64_t hash, std::string_view key, Use use) {
    std::lock_guard guard{mutex_};
    return use(index_.find(hash, key));
  }

  // -- for writers: see l1_store -----------------------------------------------------

  std::optional<l1_known> known(uint64_t hash, std::string_view key, time_point now);
  l1_outcome put(uint64_t hash, std::string_view key, std::string_view value,
                 const entry_meta& meta, time_point now);
  bool erase(uint64_t hash, std::string_view key);
  l1_outcome erase(uint64_t hash, std::string_view key, const version& vers, time_point now);
  size_t erase_prefix(std::string_view prefix);
  size_t erase_tagged(uint64_t tags);
  /// To be called before `resize`, as that of the pages. Throws `std::bad_alloc`; nothing has
  /// changed then.
  void reserve(size_t bytes);
  void resize(const l1_limits& share) noexcept;
  bool maintain(time_point now, size_t steps);

  void add_to(l1_stats& sum);

private:
  template <class Predicate>
  size_t erase_if(Predicate is_meant);

  /// What is left to the entries when the tables have theirs.
  size_t arena_limit() const noexcept;
  size_t max_tombstone_bytes() const noexcept { return limits_.bytes / 16; }

  const entry* newest_of(uint64_t hash, std::string_view key, time_point now) const noexcept;
  bool is_older(uint64_t hash, std::string_view key, const version& vers,
                time_point now) const noexcept;
  l1_outcome store(uint64_t hash, std::string_view key, std::string_view value,
                   const entry_meta& meta, time_point now);
  void bury(uint64_t hash, std::string_view key, const version& vers, time_point now);
  void* room_for(size_t bytes, bool one_more_value, bool one_more_key, time_point now);
  bool make_room(size_t bytes, bool one_more_value, time_point now);
  bool grow_index(time_point now);
  bool shrink_index() noexcept;
  void* allocate(size_t bytes, time_point now);
  bool evict_one(time_point now);
  void reclaim() noexcept;
  void drop_oldest_tombstone(time_point now);
  size_t drop_old_tombstones(time_point now, size_t most);
  void take_out(entry& e) noexcept;
  bool sweep(time_point now, size_t steps);

  // entry_mover
  void move(entry& from, entry& to) noexcept override;

  std::mutex mutex_;
  std::chrono::milliseconds tombstone_ttl_;
  reader_slots& readers_;
  std::unique_ptr<eviction_policy> policy_;
  entry_arena arena_;
  l1_limits limits_;
  entry_queue tombstones_{entry_place::tombstones};

  /// For tombstones that had no room, or were dropped before their time.
  version_floor floor_;

  /// Where `sweep` goes on.
  size_t hand_ = 0;

  // Of writers only.
  l1_stats counts_;

  entry_index index_;
};

} // namespace dbs::cache
