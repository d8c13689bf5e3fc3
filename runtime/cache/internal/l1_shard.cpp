#include "dbs/runtime/cache/internal/l1_shard.hpp"

#include <algorithm>
#include <bit>
#include <new>
#include <utility>
#include <vector>

namespace dbs::cache {

namespace {

constexpr size_t kib = 1024;

/// Less memory than this is nothing to work with.
constexpr size_t min_segments = 8;

/// Segments are small against the shard, and not too many.
size_t segment_bytes_for(size_t shard_bytes) noexcept {
  auto one_of = [shard_bytes](size_t many) { return std::bit_floor(shard_bytes / many); };
  return std::max(std::clamp(one_of(64), 4 * kib, 32 * kib), std::min(one_of(1024), 1024 * kib));
}

/// A put takes out at most so many if that is enough for its own bytes, so that nobody
/// waits long for the lock.
constexpr int max_evictions = 64;

bool is_in_policy(const entry* e) noexcept {
  return e != nullptr && e->kind() != entry_kind::tombstone;
}

} // namespace

l1_shard::l1_shard(const l1_limits& share, std::chrono::milliseconds tombstone_ttl,
                   reader_slots& readers, std::unique_ptr<eviction_policy> policy)
    : tombstone_ttl_(tombstone_ttl), readers_(readers), policy_(std::move(policy)),
      arena_(segment_bytes_for(share.bytes), readers, *this), limits_(at_least(share)),
      index_(readers) {}

// -- writing -----------------------------------------------------------------------

l1_outcome l1_shard::put(uint64_t hash, std::string_view key, std::string_view value,
                         const entry_meta& meta, time_point now) {
  std::lock_guard guard{mutex_};
  auto result = store(hash, key, value, meta, now);
  switch (result) {
  case l1_outcome::done:
    ++counts_.stored;
    return result;
  case l1_outcome::older:
    ++counts_.refused_older;
    return result;
  case l1_outcome::too_large:
    ++counts_.refused_too_large;
    break;
  case l1_outcome::busy:
    ++counts_.refused_busy;
    break;
  }
  // What is there is older than what could not be stored, and must not pass for it.
  if (auto* present = index_.find(hash, key))
    take_out(*present);
  raise_floor(meta.vers, now + tombstone_ttl_);
  return result;
}

bool l1_shard::erase(uint64_t hash, std::string_view key) {
  std::lock_guard guard{mutex_};
  auto* e = index_.find(hash, key);
  if (e == nullptr || e->kind() == entry_kind::tombstone)
    return false;
  take_out(*e);
  ++counts_.erased;
  return true;
}

l1_outcome l1_shard::erase(uint64_t hash, std::string_view key, const version& vers,
                           time_point now) {
  std::lock_guard guard{mutex_};
  drop_old_tombstones(now);
  auto* present = index_.find(hash, key);
  if (present != nullptr && vers < present->vers())
    return l1_outcome::older;
  if (is_in_policy(present))
    ++counts_.erased;
  entry_meta grave{vers, time_point::max(), now + tombstone_ttl_, entry_kind::tombstone};
  if (store(hash, key, {}, grave, now) != l1_outcome::done) {
    if (auto* still = index_.find(hash, key))
      take_out(*still);
    raise_floor(vers, now + tombstone_ttl_);
  }
  return l1_outcome::done;
}

bool l1_shard::is_older(const entry* present, const version& vers, time_point now) const noexcept {
  if (present != nullptr)
    return vers < present->vers();
  // What has no version is of others than those who erase with one.
  return now < floor_until_ && vers != version{} && vers < floor_;
}

l1_outcome l1_shard::store(uint64_t hash, std::string_view key, std::string_view value,
                           const entry_meta& meta, time_point now) {
  drop_old_tombstones(now);
  auto* present = index_.find(hash, key);
  if (is_older(present, meta.vers, now))
    return l1_outcome::older;
  reclaim();
  auto bytes = entry::bytes_for(key.size(), value.size());
  if (key.size() > entry::max_key_bytes || value.size() > entry::max_value_bytes ||
      bytes > limits_.bytes / 4)
    return l1_outcome::too_large;
  auto is_tombstone = meta.kind == entry_kind::tombstone;
  auto one_more = !is_tombstone && !is_in_policy(present);
  if (!make_room(bytes, one_more, now) || (present == nullptr && !grow_index(now)))
    return l1_outcome::busy;
  auto* memory = allocate(bytes, now);
  if (memory == nullptr)
    return l1_outcome::busy;
  auto* e = entry::make(memory, entry_index::place(hash), key, value, meta);
  // It may have been moved, or evicted, meanwhile.
  present = index_.find(hash, key);
  if (present == nullptr) {
    index_.insert(hash, *e);
    link(*e);
    return l1_outcome::done;
  }
  index_.replace(*present, *e);
  if (is_in_policy(present) && !is_tombstone) {
    e->set_hits(present->hits());
    // To write is to use.
    e->touch();
    policy_->replace(*present, *e);
  } else {
    unlink(*present);
    link(*e);
  }
  arena_.release(*present);
  return l1_outcome::done;
}

void l1_shard::link(entry& e) {
  if (e.kind() != entry_kind::tombstone)
    return policy_->insert(e);
  tombstones_.push_back(e);
  if (tombstones_.count() > max_tombstones())
    drop_oldest_tombstone();
}

void l1_shard::unlink(entry& e) noexcept {
  if (e.kind() == entry_kind::tombstone)
    tombstones_.remove(e);
  else
    policy_->erase(e);
}

void l1_shard::take_out(entry& e) noexcept {
  unlink(e);
  index_.erase(e);
  arena_.release(e);
}

void l1_shard::move(entry& from, entry& to) noexcept {
  index_.replace(from, to);
  if (from.kind() == entry_kind::tombstone)
    tombstones_.replace(from, to);
  else
    policy_->replace(from, to);
}

size_t l1_shard::erase_prefix(std::string_view prefix) {
  std::lock_guard guard{mutex_};
  std::vector<entry*> found;
  for (size_t i = 0; i < index_.slot_count(); ++i)
    if (auto* e = index_.at(i);
        e != nullptr && e->kind() != entry_kind::tombstone && e->key().starts_with(prefix))
      found.push_back(e);
  for (auto* e : found)
    take_out(*e);
  counts_.erased += found.size();
  return found.size();
}

// -- room --------------------------------------------------------------------------

l1_limits l1_shard::at_least(const l1_limits& share) const noexcept {
  return {share.entries, std::max(share.bytes, min_segments * arena_.segment_bytes())};
}

size_t l1_shard::arena_limit() const noexcept {
  auto tables = index_.memory_bytes() + policy_->memory_bytes();
  return limits_.bytes - std::min(tables, limits_.bytes);
}

/// False if there is nothing to take out any more.
bool l1_shard::make_room(size_t bytes, bool one_more, time_point now) {
  auto enough = [&] {
    return policy_->count() + (one_more ? 1 : 0) <= limits_.entries &&
           arena_.fits(bytes, arena_limit());
  };
  auto before = arena_.live_bytes();
  for (auto i = 0; !enough(); ++i) {
    // Much too full, since the limits were changed: it gets better from put to put.
    if (i >= max_evictions && arena_.live_bytes() + 2 * bytes <= before)
      return true;
    if (!evict_one(now))
      return false;
  }
  return true;
}

/// The table takes from the entries what it is about to grow by.
bool l1_shard::grow_index(time_point now) {
  auto growth = index_.growth(limits_.entries);
  if (growth == 0)
    return true;
  auto limit = arena_limit() - std::min(growth, arena_limit());
  while (!arena_.fits(0, limit) && evict_one(now)) {
  }
  arena_.shrink(limit, max_evictions);
  auto grown = index_.rebuild(growth);
  reclaim();
  return grown;
}

void* l1_shard::allocate(size_t bytes, time_point now) {
  // Not more than there is, or may be.
  auto limit = [this] { return std::max(arena_limit(), arena_.mapped_bytes()); };
  auto* result = arena_.allocate(bytes, limit());
  // Holes are closed only so far at a time; if that was not enough, more holes help, but
  // not if readers hold on to the memory.
  for (auto i = 0; i < max_evictions && result == nullptr && !arena_.reclaimable(); ++i) {
    if (!evict_one(now))
      break;
    reclaim();
    if (i % 16 == 15)
      result = arena_.allocate(bytes, limit());
  }
  return result;
}

bool l1_shard::evict_one(time_point now) {
  auto* e = policy_->victim(now);
  if (e == nullptr) {
    if (tombstones_.empty())
      return false;
    drop_oldest_tombstone();
    return true;
  }
  ++(e->hard() <= now ? counts_.expired : counts_.evicted);
  index_.erase(*e);
  arena_.release(*e);
  return true;
}

void l1_shard::drop_oldest_tombstone() {
  auto& e = *tombstones_.front();
  raise_floor(e.vers(), e.hard());
  take_out(e);
}

void l1_shard::drop_old_tombstones(time_point now) {
  // They expire in the order in which they came.
  while (!tombstones_.empty() && tombstones_.front()->hard() <= now)
    take_out(*tombstones_.front());
}

void l1_shard::raise_floor(const version& vers, time_point until) noexcept {
  floor_ = std::max(floor_, vers);
  floor_until_ = std::max(floor_until_, until);
}

void l1_shard::reclaim() noexcept {
  if (!arena_.reclaimable() && !index_.reclaimable())
    return;
  auto oldest = readers_.oldest_reader();
  arena_.reclaim(oldest);
  index_.reclaim(oldest);
}

// -- upkeep ------------------------------------------------------------------------

void l1_shard::resize(const l1_limits& share) {
  std::lock_guard guard{mutex_};
  limits_ = at_least(share);
}

bool l1_shard::maintain(time_point now, size_t steps) {
  std::lock_guard guard{mutex_};
  drop_old_tombstones(now);
  auto above = [this] {
    return policy_->count() > limits_.entries || !arena_.fits(0, arena_limit());
  };
  auto evicting = above();
  size_t done = 0;
  for (; done < steps && evicting; ++done)
    evicting = evict_one(now) && above();
  if (auto bytes = index_.shrinkage(); bytes > 0)
    index_.rebuild(bytes);
  arena_.shrink(arena_limit(), max_evictions);
  reclaim();
  return !sweep(now, steps - done) || evicting;
}

/// Takes out what has expired, a piece of the table at a time. True if it has come round.
bool l1_shard::sweep(time_point now, size_t steps) {
  for (size_t i = 0; i < steps; ++i) {
    if (hand_ >= index_.slot_count()) {
      hand_ = 0;
      return true;
    }
    auto* e = index_.at(hand_);
    if (e == nullptr || e->hard() > now) {
      ++hand_;
      continue;
    }
    // Another entry may move to this slot: the hand stays.
    take_out(*e);
    ++counts_.expired;
  }
  return false;
}

void l1_shard::add_to(l1_stats& sum) {
  std::lock_guard guard{mutex_};
  sum.stored += counts_.stored;
  sum.evicted += counts_.evicted;
  sum.expired += counts_.expired;
  sum.erased += counts_.erased;
  sum.refused_older += counts_.refused_older;
  sum.refused_too_large += counts_.refused_too_large;
  sum.refused_busy += counts_.refused_busy;
  sum.moved_bytes += arena_.moved_bytes();
  sum.entries += policy_->count();
  sum.tombstones += tombstones_.count();
  sum.bytes += arena_.mapped_bytes() + index_.memory_bytes() + policy_->memory_bytes();
}

} // namespace dbs::cache
