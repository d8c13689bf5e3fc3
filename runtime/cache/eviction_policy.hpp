// Which entry has to go when a cache is full.
#pragma once

#include "dbs/runtime/cache/coarse_clock.hpp"
#include "dbs/runtime/cache/entry.hpp"

#include <cstddef>
#include <functional>
#include <memory>

namespace dbs::cache {

/// One for each shard, called under the shard's lock. It owns no entries. `next`, `prev` and
/// `where` of those that it has been given are its own, so that it may link them through
/// themselves (see `entry_queue`): `where` is `none` when it gets an entry, and must never be
/// `tombstones`. Nothing may throw: what it remembers beyond the entries is to be given up
/// if there is no memory.
///
/// Hits are not reported: they happen on many threads at once, and nothing may be shared
/// by them. They leave their number in the entry (`hits`, up to `entry::max_hits`), and
/// the policy looks at it when it decides.
class eviction_policy {
public:
  virtual ~eviction_policy() = default;

  /// A new entry, whose key the policy does not have.
  virtual void insert(entry& e) noexcept = 0;

  /// Forgets an entry that was erased.
  virtual void erase(entry& e) noexcept = 0;

  /// `by` takes the place of `old`, which it stands for: a copy, or a newer value.
  virtual void replace(entry& old, entry& by) noexcept = 0;

  /// Chooses an entry and forgets it; nullptr if it has none. One that has expired may go
  /// before its time.
  virtual entry* victim(coarse_clock::time_point now) noexcept = 0;

  /// How many entries it has.
  virtual size_t count() const noexcept = 0;

  /// What it takes itself, without the entries.
  virtual size_t memory_bytes() const noexcept = 0;
};

using policy_factory = std::function<std::unique_ptr<eviction_policy>()>;

} // namespace dbs::cache
