// The first level of the cache: values in this process, read on the caller's thread.
//
//   dbs::cache::l1_store store{{.limits = {.entries = 100'000}}};
//   store.put("user:7", bytes, {.vers = {1, 42}, .hard = now + 5min});
//   std::string value;
//   if (store.find("user:7", value)) ...
//
// A hit takes no lock and writes nothing that another thread reads or writes: a hot key
// costs as much on many cores as on one. Writers of different shards meet only where one of them
// needs, or gives back, a piece of memory: for a segment, a table, a large entry.
//
// Versions: an entry keeps the version it was put with, and nothing older replaces it; the
// same version is no older one. Erasing with a version leaves a tombstone, so that a loader
// that read before the erasure cannot put back what it has read: for `tombstone_ttl` from a
// `done` on, no older version of the key is let in, whatever is put, evicted and erased
// meanwhile. Nothing else is remembered of what is not there any more: a key that was
// evicted, has expired, or was erased without a version, may come back with an older version
// than it had. Tombstones take at most a sixteenth of the memory. The oldest ones make room:
// what is in their place does not tell keys apart, so that older versions of others in the
// shard are refused, too, and values without a version are let in.
//
// Keys may come from strangers: the hash has a secret of its own in each store.
#pragma once

#include "dbs/runtime/cache/keyed_hash.hpp"
#include "dbs/runtime/cache/l1_types.hpp"
#include "dbs/runtime/cache/reader_slots.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dbs::cache {

struct l1_pages;
class l1_shard;

/// All functions may be called from any thread. Readers never wait, but for a thread that
/// is one of more than `reader_slots::max_threads`, and for one that did not find a key
/// while writers moved entries eight times: these take the lock of a shard. Writers hold
/// that lock for microseconds; but for about a millisecond if they give memory back just while
/// `maintain` puts some on a huge page, and `erase_prefix` and `erase_tagged` for as long as it
/// takes to look at all keys of a shard, and a `put` that finds a shard's table too small or far
/// too large, which happens when the number of entries has changed by half, for as long as it takes
/// to make another (some 10 ms for a million entries in one shard).
class l1_store {
public:
  /// Throws `std::invalid_argument` for a number of shards that is no power of two up to
  /// 256, a `tombstone_ttl` that is negative or longer than a day, too many bytes, and a factory
  /// that makes no policy; and `std::bad_alloc`.
  explicit l1_store(l1_options options = {});

  /// Nobody may be using it.
  ~l1_store();

  l1_store(const l1_store&) = delete;
  l1_store& operator=(const l1_store&) = delete;

  // -- reading -------------------------------------------------------------------------

  /// Calls `use(const l1_view&)` if the key is there, also with a negative or a stale
  /// entry. `use` is to be short, because nothing that is freed meanwhile can be used
  /// again; it must not call the store.
  template <class Use>
  bool read(std::string_view key, Use&& use) {
    return visit(key, l1_visitor{use});
  }

  /// Copies the value to `to`, whose memory is used again, and says what it is; false if
  /// the key is not there.
  bool find(std::string_view key, std::string& to, entry_meta* meta = nullptr);

  /// As `read`, without counting it. Takes the lock of a shard.
  template <class Use>
  bool peek(std::string_view key, Use&& use) {
    return visit_uncounted(key, l1_visitor{use});
  }

  /// What is known of a key, without counting it as read. Takes the lock of a shard.
  std::optional<l1_known> known(std::string_view key);

  // -- writing -------------------------------------------------------------------------

  /// Puts a value in the place of what is there, unless that is newer. If it cannot be
  /// stored (`too_large`, `busy`), what is older is gone nevertheless, with a tombstone as
  /// if it was erased.
  l1_outcome put(std::string_view key, std::string_view value, const entry_meta& meta = {});

  /// False if it was not there. Leaves no tombstone.
  bool erase(std::string_view key);

  /// Leaves a tombstone. `older` if what is there is newer; else `done`.
  l1_outcome erase(std::string_view key, const version& vers);

  /// All keys that begin with `prefix`, or all keys; leaves no tombstones. Returns how
  /// many. A key that is put meanwhile may stay.
  size_t erase_prefix(std::string_view prefix);

  /// All entries whose tags have all bits of `tags`, which is not 0; else as `erase_prefix`.
  size_t erase_tagged(uint64_t tags);

  // -- upkeep --------------------------------------------------------------------------

  /// The content stays, but for what is beyond the new limits: from now on each `put`
  /// takes out up to 64 entries for one it puts in, and `maintain` the rest. Throws
  /// `std::bad_alloc`, and nothing changes, if there are no addresses for so many bytes, and
  /// `std::invalid_argument` if there cannot be.
  void resize(const l1_limits& limits);

  l1_limits limits() const;

  /// Evicts what is beyond the limits, takes out what has expired, and frees what no
  /// reader looks at any more: a piece of a shard, with about `steps` entries looked at.
  /// To be called from time to time. False if it has come round all shards. Now and then, as the
  /// store has grown by 2 MiB, it puts these on a huge page, which takes about a millisecond.
  bool maintain(size_t steps = 1000);

  l1_stats stats() const;

  size_t shard_count() const noexcept { return shard_mask_ + 1; }

private:
  bool visit(std::string_view key, l1_visitor use);
  bool visit_uncounted(std::string_view key, l1_visitor use);
  bool show(const entry* e, reader_slots::slot* mine, l1_visitor use);
  void count(reader_slots::slot* mine, size_t which) noexcept;

  l1_shard& shard_of(uint64_t hash) const noexcept { return *shards_[hash >> 48 & shard_mask_]; }

  /// What shard number `index` may take.
  l1_limits share(const l1_limits& all, size_t index) const noexcept;
  /// In bytes, of each shard.
  size_t share_bytes(const l1_limits& all) const noexcept;

  keyed_hash hash_;
  coarse_clock clock_;
  reader_slots readers_;
  size_t shard_mask_;
  std::unique_ptr<l1_pages> pages_;
  std::vector<std::unique_ptr<l1_shard>> shards_;

  mutable std::mutex limits_mutex_;
  l1_limits limits_;

  /// Where `maintain` goes on.
  std::atomic<size_t> next_shard_{0};
  /// What readers without a slot have counted.
  std::array<std::atomic<uint64_t>, reader_slots::counter_count> without_slot_{};
};

} // namespace dbs::cache
