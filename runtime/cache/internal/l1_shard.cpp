#include "dbs/runtime/cache/internal/l1_shard.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace dbs::cache {

namespace {

/// A put takes out at most so many if that is enough for its own bytes, so that nobody
/// waits long for the lock.
constexpr size_t max_evictions = 64;

/// Tombstones are in the table under another hash than values, so that both can be there:
/// a tombstone outlives a newer value that is put and evicted.
uint64_t grave_of(uint64_t hash) noexcept {
  return hash ^ uint64_t { UINT16_MAX } << 32;
}

bool is_tombstone(const entry& e) noexcept {
  return e.where == entry_place::tombstones;
}

} // namespace

l1_shard::l1_shard(const l1_limits& share, std::chrono::milliseconds tombstone_ttl, l1_pages& pages,
                   reader_slots& readers, std::unique_ptr<eviction_policy> policy)
    : tombstone_ttl_(tombstone_ttl), readers_(readers), policy_(std::move(policy)),
      arena_(pages, readers, *this), limits_(share), floor_(tombstone_ttl), index_(pages, readers) {
  arena_.reserve(limits_.bytes);
}

// -- writing -----------------------------------------------------------------------

l1_outcome l1_shard::put(uint64_t hash, std::string_view key, std::string_view value,
                         const entry_meta& meta, time_point now) {
  std::lock_guard guard{mutex_};
  drop_old_tombstones(now, max_evictions);
  auto result =
      is_older(hash, key, meta.vers, now) ? l1_outcome::older : store(hash, key, value, meta, now);
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
  bury(hash, key, meta.vers, now);
  return result;
}

std::optional<l1_known> l1_shard::known(uint64_t hash, std::string_view key, time_point now) {
  std::lock_guard guard{mutex_};
  auto* newest = newest_of(hash, key, now);
  if (newest == nullptr)
    return std::nullopt;
  return l1_known{newest->vers(), !is_tombstone(*newest) && newest->kind() == entry_kind::value &&
                                      now < newest->hard()};
}

bool l1_shard::erase(uint64_t hash, std::string_view key) {
  std::lock_guard guard{mutex_};
  auto* e = index_.find(hash, key);
  if (e == nullptr)
    return false;
  take_out(*e);
  ++counts_.erased;
  return true;
}

l1_outcome l1_shard::erase(uint64_t hash, std::string_view key, const version& vers,
                           time_point now) {
  std::lock_guard guard{mutex_};
  drop_old_tombstones(now, max_evictions);
  if (auto* newest = newest_of(hash, key, now); newest != nullptr && vers < newest->vers())
    return l1_outcome::older;
  if (auto* present = index_.find(hash, key)) {
    take_out(*present);
    ++counts_.erased;
  }
  bury(hash, key, vers, now);
  return l1_outcome::done;
}

/// The value; or, as a value is never older than it, the tombstone.
const entry* l1_shard::newest_of(uint64_t hash, std::string_view key,
                                 time_point now) const noexcept {
  if (auto* value = index_.find(hash, key))
    return value;
  auto* grave = tombstones_.empty() ? nullptr : index_.find(grave_of(hash), key);
  return grave != nullptr && now < grave->hard() ? grave : nullptr;
}

bool l1_shard::is_older(uint64_t hash, std::string_view key, const version& vers,
                        time_point now) const noexcept {
  if (auto* newest = newest_of(hash, key, now))
    return vers < newest->vers();
  // What has no version is of others than those who erase with one.
  return vers != version{} && floor_.covers(vers, now);
}

l1_outcome l1_shard::store(uint64_t hash, std::string_view key, std::string_view value,
                           const entry_meta& meta, time_point now) {
  auto bytes = entry::bytes_for(key.size(), value.size(), meta.tags != 0);
  if (key.size() > entry::max_key_bytes || value.size() > entry::max_value_bytes ||
      bytes > limits_.bytes / 4)
    return l1_outcome::too_large;
  auto is_new = index_.find(hash, key) == nullptr;
  auto* memory = room_for(bytes, is_new, is_new, now);
  if (memory == nullptr)
    return l1_outcome::busy;
  auto* e = entry::make(memory, entry_index::place(hash), key, value, meta);
  // It may have been moved, or evicted, meanwhile.
  auto* present = is_new ? nullptr : index_.find(hash, key);
  if (present == nullptr) {
    index_.insert(hash, *e);
    policy_->insert(*e);
    return l1_outcome::done;
  }
  e->set_hits(present->hits());
  // To write is to use.
  e->touch();
  index_.replace(*present, *e);
  policy_->replace(*present, *e);
  arena_.release(*present);
  return l1_outcome::done;
}

/// Nothing older than `vers` is let in for a while. What has been there of the key is out,
/// and nothing of it is newer.
void l1_shard::bury(uint64_t hash, std::string_view key, const version& vers, time_point now) {
  // Nothing is older, or nothing can come.
  if (vers == version{} || key.size() > entry::max_key_bytes)
    return;
  hash = grave_of(hash);
  if (auto* old = index_.find(hash, key))
    take_out(*old);
  auto until = now + tombstone_ttl_;
  auto bytes = entry::bytes_for(key.size(), 0);
  auto too_many = [&] { return tombstones_.bytes() + bytes > max_tombstone_bytes(); };
  for (size_t i = 0; i < max_evictions && too_many() && !tombstones_.empty(); ++i)
    drop_oldest_tombstone(now);
  auto* memory = too_many() ? nullptr : room_for(bytes, false, true, now);
  if (memory == nullptr)
    return floor_.raise(vers, until, now);
  auto* e = entry::make(memory, entry_index::place(hash), key, {}, {.vers = vers, .hard = until});
  index_.insert(hash, *e);
  tombstones_.push_back(*e);
}

void l1_shard::take_out(entry& e) noexcept {
  if (is_tombstone(e))
    tombstones_.remove(e);
  else
    policy_->erase(e);
  index_.erase(e);
  arena_.release(e);
}

void l1_shard::move(entry& from, entry& to) noexcept {
  index_.replace(from, to);
  if (is_tombstone(from))
    tombstones_.replace(from, to);
  else
    policy_->replace(from, to);
}

template <class Predicate>
size_t l1_shard::erase_if(Predicate is_meant) {
  std::lock_guard guard{mutex_};
  std::vector<entry*> found;
  for (size_t i = 0; i < index_.slot_count(); ++i)
    if (auto* e = index_.at(i); e != nullptr && !is_tombstone(*e) && is_meant(*e))
      found.push_back(e);
  for (auto* e : found)
    take_out(*e);
  counts_.erased += found.size();
  return found.size();
}

size_t l1_shard::erase_prefix(std::string_view prefix) {
  return erase_if([&](const entry& e) { return e.key().starts_with(prefix); });
}

size_t l1_shard::erase_tagged(uint64_t tags) {
  return erase_if([&](const entry& e) { return (e.tags() & tags) == tags; });
}

// -- room --------------------------------------------------------------------------

size_t l1_shard::arena_limit() const noexcept {
  auto tables = index_.memory_bytes() + policy_->memory_bytes();
  return limits_.bytes - std::min(tables, limits_.bytes);
}

/// Memory for an entry, and a place in the table if it is a new key. nullptr if there is
/// none.
void* l1_shard::room_for(size_t bytes, bool one_more_value, bool one_more_key, time_point now) {
  reclaim();
  if (!make_room(bytes, one_more_value, now) || (one_more_key && !grow_index(now)))
    return nullptr;
  return allocate(bytes, now);
}

/// False if there is nothing to take out any more.
bool l1_shard::make_room(size_t bytes, bool one_more_value, time_point now) {
  auto enough = [&] {
    return policy_->count() + (one_more_value ? 1 : 0) <= limits_.entries &&
           arena_.fits(bytes, arena_limit());
  };
  auto before = arena_.live_bytes();
  for (size_t i = 0; !enough(); ++i) {
    // Much too full, since the limits were changed: it gets better from put to put.
    if (i >= max_evictions && arena_.live_bytes() + 2 * bytes <= before)
      return true;
    if (!shrink_index() && !evict_one(now))
      return false;
  }
  return true;
}

/// The table takes from the entries what it is about to grow by. If these are in the way,
/// one of them goes instead, so that the table does for one more: whoever has smaller
/// entries will not be full then, and the table grows.
bool l1_shard::grow_index(time_point now) {
  auto growth = index_.growth(limits_.entries);
  if (growth == 0)
    return true;
  auto limit = arena_limit() - std::min(growth, arena_limit());
  if (arena_.fits(0, limit)) {
    arena_.shrink(limit, max_evictions);
    if (arena_.mapped_bytes() <= limit && index_.rebuild(growth)) {
      reclaim();
      return true;
    }
  }
  return evict_one(now) && index_.growth(limits_.entries) == 0;
}

/// Makes the table smaller if it is far too large; whether it was.
bool l1_shard::shrink_index() noexcept {
  auto bytes = index_.shrinkage();
  if (bytes == 0 || !index_.rebuild(bytes))
    return false;
  reclaim();
  return true;
}

void* l1_shard::allocate(size_t bytes, time_point now) {
  // Not more than there is, or may be.
  auto limit = [this] { return std::max(arena_limit(), arena_.mapped_bytes()); };
  auto* result = arena_.allocate(bytes, limit());
  // Holes are closed only so far at a time; if that was not enough, more holes help, but
  // not if readers hold on to the memory.
  for (size_t i = 0; i < max_evictions && result == nullptr && !arena_.reclaimable(); ++i) {
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
    drop_oldest_tombstone(now);
    return true;
  }
  ++(e->hard() <= now ? counts_.expired : counts_.evicted);
  index_.erase(*e);
  arena_.release(*e);
  return true;
}

void l1_shard::drop_oldest_tombstone(time_point now) {
  auto& e = *tombstones_.front();
  floor_.raise(e.vers(), e.hard(), now);
  take_out(e);
}

/// Up to `most`; returns how many.
size_t l1_shard::drop_old_tombstones(time_point now, size_t most) {
  // They expire in the order in which they came.
  size_t result = 0;
  for (; result < most && !tombstones_.empty() && tombstones_.front()->hard() <= now; ++result)
    take_out(*tombstones_.front());
  return result;
}

void l1_shard::reclaim() noexcept {
  if (!arena_.reclaimable() && !index_.reclaimable())
    return;
  auto oldest = readers_.oldest_reader();
  arena_.reclaim(oldest);
  index_.reclaim(oldest);
}

// -- upkeep ------------------------------------------------------------------------

void l1_shard::reserve(size_t bytes) {
  std::lock_guard guard{mutex_};
  arena_.reserve(bytes);
}

void l1_shard::resize(const l1_limits& share) noexcept {
  std::lock_guard guard{mutex_};
  limits_ = share;
}

bool l1_shard::maintain(time_point now, size_t steps) {
  std::lock_guard guard{mutex_};
  auto above = [this] {
    return policy_->count() > limits_.entries || !arena_.fits(0, arena_limit());
  };
  auto evicting = above();
  auto done = drop_old_tombstones(now, steps);
  for (; done < steps && evicting; ++done)
    evicting = evict_one(now) && above();
  shrink_index();
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
    if (e == nullptr || is_tombstone(*e) || e->hard() > now) {
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
