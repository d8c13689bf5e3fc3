#include "dbs/runtime/cache/l1_store.hpp"

#include "dbs/runtime/cache/internal/l1_pages.hpp"
#include "dbs/runtime/cache/internal/l1_shard.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>

namespace dbs::cache {

using namespace std::chrono_literals;

namespace {

enum counter : size_t { hits, stale_hits, misses };

static_assert(misses < reader_slots::counter_count);

constexpr size_t max_shards = 256;

/// Less memory than this is nothing for a shard to work with.
constexpr size_t min_segments = 8;

size_t number_of_shards(const l1_options& options) {
  if (options.shards > max_shards || (options.shards != 0 && !std::has_single_bit(options.shards)))
    throw std::invalid_argument("an L1 store has a power of two of shards up to 256, not " +
                                std::to_string(options.shards));
  if (options.shards != 0)
    return options.shards;
  // The hit ratio suffers if a shard has few entries: by less than 0.3 points at 64.
  auto many = std::min(options.limits.entries / 64, options.limits.bytes >> 20);
  return std::bit_floor(std::clamp<size_t>(many, 1, 64));
}

void check(const l1_limits& limits) {
  if (limits.bytes > l1_limits::max_bytes)
    throw std::invalid_argument("an L1 store has up to 8 TiB, not " + std::to_string(limits.bytes) +
                                " bytes");
}

} // namespace

l1_store::l1_store(l1_options options)
    : clock_(options.clock), shard_mask_(number_of_shards(options) - 1), limits_(options.limits) {
  check(limits_);
  if (options.tombstone_ttl < 0ms || options.tombstone_ttl > 24h)
    throw std::invalid_argument("an L1 store's tombstone_ttl is 0 ms to a day, not " +
                                std::to_string(options.tombstone_ttl.count()) + " ms");
  pages_ = std::make_unique<l1_pages>(l1_pages::segment_bytes_for(limits_.bytes / shard_count()));
  pages_->reserve(shard_count() * share_bytes(limits_));
  for (size_t i = 0; i <= shard_mask_; ++i) {
    auto policy = options.policy ? options.policy() : nullptr;
    if (policy == nullptr)
      throw std::invalid_argument("an L1 store's policy factory has made no policy");
    shards_.push_back(std::make_unique<l1_shard>(share(limits_, i), options.tombstone_ttl, *pages_,
                                                 readers_, std::move(policy)));
  }
}

l1_store::~l1_store() = default;

// -- reading -----------------------------------------------------------------------

bool l1_store::visit(std::string_view key, l1_visitor use) {
  auto hash = hash_(key);
  auto& shard = shard_of(hash);
  auto* mine = readers_.mine();
  if (mine != nullptr) {
    reader_slots::pin pinned{readers_, *mine};
    auto settled = false;
    auto* e = shard.find(hash, key, settled);
    if (settled)
      return show(e, mine, use);
  }
  return shard.find_locked(hash, key, [&](const entry* e) { return show(e, mine, use); });
}

bool l1_store::show(const entry* e, reader_slots::slot* mine, l1_visitor use) {
  if (e == nullptr) {
    count(mine, misses);
    return false;
  }
  l1_view view{e->value(), e->meta()};
  if (view.meta.soft != coarse_clock::time_point::max() ||
      view.meta.hard != coarse_clock::time_point::max()) {
    auto now = clock_.now();
    if (now >= view.meta.hard) {
      count(mine, misses);
      return false;
    }
    view.stale = now >= view.meta.soft;
  }
  e->touch();
  count(mine, view.stale ? stale_hits : hits);
  use(view);
  return true;
}

void l1_store::count(reader_slots::slot* mine, size_t which) noexcept {
  if (mine != nullptr)
    mine->count(which);
  else
    without_slot_[which].fetch_add(1, std::memory_order_relaxed);
}

bool l1_store::find(std::string_view key, std::string& to, entry_meta* meta) {
  return read(key, [&](const l1_view& view) {
    to.assign(view.value);
    if (meta != nullptr)
      *meta = view.meta;
  });
}

bool l1_store::visit_uncounted(std::string_view key, l1_visitor use) {
  auto hash = hash_(key);
  auto now = clock_.now();
  return shard_of(hash).find_locked(hash, key, [&](const entry* e) {
    if (e == nullptr || now >= e->hard())
      return false;
    l1_view view{e->value(), e->meta()};
    view.stale = now >= e->soft();
    use(view);
    return true;
  });
}

std::optional<l1_known> l1_store::known(std::string_view key) {
  auto hash = hash_(key);
  return shard_of(hash).known(hash, key, clock_.now());
}

// -- writing -----------------------------------------------------------------------

l1_outcome l1_store::put(std::string_view key, std::string_view value, const entry_meta& meta) {
  auto hash = hash_(key);
  return shard_of(hash).put(hash, key, value, meta, clock_.now());
}

bool l1_store::erase(std::string_view key) {
  auto hash = hash_(key);
  return shard_of(hash).erase(hash, key);
}

l1_outcome l1_store::erase(std::string_view key, const version& vers) {
  auto hash = hash_(key);
  return shard_of(hash).erase(hash, key, vers, clock_.now());
}

size_t l1_store::erase_prefix(std::string_view prefix) {
  size_t result = 0;
  for (auto& x : shards_)
    result += x->erase_prefix(prefix);
  return result;
}

size_t l1_store::erase_tagged(uint64_t tags) {
  size_t result = 0;
  for (auto& x : shards_)
    result += x->erase_tagged(tags);
  return result;
}

// -- upkeep ------------------------------------------------------------------------

size_t l1_store::share_bytes(const l1_limits& all) const noexcept {
  return std::max(all.bytes / shard_count(), min_segments * pages_->segments.slot_bytes());
}

l1_limits l1_store::share(const l1_limits& all, size_t index) const noexcept {
  auto shards = shard_count();
  auto entries = all.entries / shards + (index < all.entries % shards ? 1 : 0);
  return {std::max<size_t>(entries, 1), share_bytes(all)};
}

void l1_store::resize(const l1_limits& limits) {
  check(limits);
  std::lock_guard guard{limits_mutex_};
  pages_->reserve(shard_count() * share_bytes(limits));
  for (auto& x : shards_)
    x->reserve(share_bytes(limits));
  for (size_t i = 0; i < shards_.size(); ++i)
    shards_[i]->resize(share(limits, i));
  limits_ = limits;
}

l1_limits l1_store::limits() const {
  std::lock_guard guard{limits_mutex_};
  return limits_;
}

bool l1_store::maintain(size_t steps) {
  pages_->segments.collapse_next();
  auto which = next_shard_.load(std::memory_order_relaxed);
  if (shards_[which]->maintain(clock_.now(), steps))
    return true;
  auto next = (which + 1) & shard_mask_;
  next_shard_.store(next, std::memory_order_relaxed);
  return next != 0;
}

l1_stats l1_store::stats() const {
  l1_stats result;
  auto total = [this](counter which) {
    return readers_.total(which) + without_slot_[which].load(std::memory_order_relaxed);
  };
  result.hits = total(hits);
  result.stale_hits = total(stale_hits);
  result.misses = total(misses);
  for (auto& x : shards_)
    x->add_to(result);
  return result;
}

} // namespace dbs::cache
