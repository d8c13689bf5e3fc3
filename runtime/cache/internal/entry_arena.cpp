#include "dbs/runtime/cache/internal/entry_arena.hpp"

#include "dbs/runtime/cache/internal/pages.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace dbs::cache {

namespace {

/// Holes may be so much of the live bytes.
constexpr size_t hole_divisor = 12;

/// Two that are being filled, one that cleaning begins, one that readers still look at.
constexpr size_t reserve = 4;

/// At most so many are cleaned for one allocation: the lock is held meanwhile.
constexpr int max_cleaned = 16;

/// Free segments that are kept.
constexpr size_t max_spare = 2;

} // namespace

entry_arena::~entry_arena() {
  reclaim(UINT64_MAX);
  for (auto* all : {&spare_, &large_})
    for (auto* s : *all)
      unmap(*s);
  for (auto& s : segments_)
    unmap(*s.where);
}

// -- how much ----------------------------------------------------------------------

bool entry_arena::fits(size_t bytes, size_t limit) const noexcept {
  auto large = is_large(bytes);
  auto small = live_ + (large ? 0 : bytes);
  auto own = large ? whole_pages(sizeof(segment) + bytes) : 0;
  return large_bytes_ + own + small + small / hole_divisor + reserve * segment_bytes_ <= limit;
}

/// What its segments should take, the large entries aside.
size_t entry_arena::target() const noexcept {
  return live_ + live_ / hole_divisor + (reserve - 1) * segment_bytes_;
}

// -- allocation --------------------------------------------------------------------

void* entry_arena::allocate(size_t bytes, size_t limit) {
  if (is_large(bytes))
    return allocate_large(bytes, limit);
  if (auto* result = bump(fresh_, bytes))
    return result;
  return renew_fresh(limit) ? bump(fresh_, bytes) : nullptr;
}

void* entry_arena::allocate_large(size_t bytes, size_t limit) {
  auto all = whole_pages(sizeof(segment) + bytes);
  if (all > limit)
    return nullptr;
  shrink(limit - all, max_cleaned * static_cast<int>(all / segment_bytes_ + 1));
  if (mapped_ + all > limit)
    return nullptr;
  auto* s = map_segment(all, true);
  if (s == nullptr)
    return nullptr;
  s->slot = static_cast<uint32_t>(large_.size());
  large_.push_back(s);
  large_bytes_ += all;
  return s + 1;
}

void* entry_arena::bump(segment* head, size_t bytes) noexcept {
  if (head == nullptr || head->used + bytes > head->bytes)
    return nullptr;
  auto* result = reinterpret_cast<char*>(head) + head->used;
  head->used += static_cast<uint32_t>(bytes);
  segments_[head->slot].live += bytes;
  live_ += bytes;
  return result;
}

entry_arena::segment* entry_arena::map_segment(size_t bytes, bool large) noexcept {
  // Aligned, so that an entry's address tells its segment.
  auto* memory = map_pages(bytes, segment_bytes_);
  if (memory == nullptr)
    return nullptr;
  mapped_ += bytes;
  return new (memory) segment{bytes, sizeof(segment), 0, large};
}

/// An empty segment, of those that are free or from the kernel.
entry_arena::segment* entry_arena::take_segment(size_t limit) {
  segment* result = nullptr;
  if (!spare_.empty()) {
    result = spare_.back();
    spare_.pop_back();
  } else if (mapped_ + segment_bytes_ <= limit) {
    result = map_segment(segment_bytes_, false);
  }
  if (result == nullptr)
    return nullptr;
  result->used = sizeof(segment);
  result->slot = static_cast<uint32_t>(segments_.size());
  segments_.push_back({result, 0});
  return result;
}

/// Puts an empty segment in the place of a full one.
bool entry_arena::replace_head(segment*& head, size_t limit) {
  auto* s = take_segment(limit);
  if (s == nullptr)
    return false;
  auto* full = std::exchange(head, s);
  if (full != nullptr && segments_[full->slot].live == 0)
    retire_slot(full->slot);
  return true;
}

/// An empty segment for new entries, after cleaning if there are enough of them.
bool entry_arena::renew_fresh(size_t limit) {
  if (reclaimable())
    reclaim(readers_.oldest_reader());
  for (auto cleaned = 0;; ++cleaned) {
    // One is left for cleaning, always.
    auto enough = (segments_.size() + 1) * segment_bytes_ > target();
    if (!enough && replace_head(fresh_, limit))
      return true;
    if (cleaned == max_cleaned || !clean_one(limit))
      return mapped_ + 2 * segment_bytes_ <= limit && replace_head(fresh_, limit);
  }
}

// -- cleaning ----------------------------------------------------------------------

size_t entry_arena::emptiest() const noexcept {
  auto best = segments_.size();
  for (size_t i = 0; i < segments_.size(); ++i)
    if (segments_[i].where != fresh_ && segments_[i].where != settled_ &&
        (best == segments_.size() || segments_[i].live < segments_[best].live))
      best = i;
  return best;
}

/// False if there is none, little to gain, or no place to move entries to.
bool entry_arena::clean_one(size_t limit) {
  auto which = emptiest();
  if (which == segments_.size() || segments_[which].live > segment_bytes_ - segment_bytes_ / 32)
    return false;
  auto* s = segments_[which].where;
  auto* at = reinterpret_cast<char*>(s) + sizeof(segment);
  auto* end = reinterpret_cast<char*>(s) + s->used;
  while (at < end) {
    auto* e = reinterpret_cast<entry*>(at);
    auto bytes = e->bytes();
    at += bytes;
    if (e->where == entry_place::none)
      continue;
    auto* to = bump(settled_, bytes);
    if (to == nullptr) {
      if (!replace_head(settled_, limit))
        return false;
      to = bump(settled_, bytes);
    }
    mover_.move(*e, *entry::make_copy(to, *e));
    segments_[s->slot].live -= bytes;
    live_ -= bytes;
    moved_ += bytes;
  }
  retire_slot(s->slot);
  reclaim(readers_.oldest_reader());
  return true;
}

void entry_arena::shrink(size_t limit, int max_segments) {
  if (reclaimable())
    reclaim(readers_.oldest_reader());
  trim(limit);
  // As long as readers hold on to what has been cleaned, more of it would be in vain.
  for (auto i = 0; i < max_segments && mapped_ > limit && !reclaimable(); ++i) {
    if (!clean_one(mapped_ + segment_bytes_))
      return;
    trim(limit);
  }
}

// -- giving back -------------------------------------------------------------------

entry_arena::segment* entry_arena::segment_of(const entry& e) const noexcept {
  return reinterpret_cast<segment*>(reinterpret_cast<uintptr_t>(&e) & ~(segment_bytes_ - 1));
}

void entry_arena::release(entry& e) noexcept {
  auto* s = segment_of(e);
  if (s->large) {
    large_bytes_ -= s->bytes;
    large_[s->slot] = large_.back();
    large_[s->slot]->slot = s->slot;
    large_.pop_back();
    return retire(*s);
  }
  auto& state = segments_[s->slot];
  state.live -= e.bytes();
  live_ -= e.bytes();
  if (state.live == 0 && s != fresh_ && s != settled_)
    retire_slot(s->slot);
}

void entry_arena::retire(segment& s) {
  retired_.push_back({&s, readers_.retire_tag()});
}

void entry_arena::retire_slot(size_t slot) {
  retire(*segments_[slot].where);
  segments_[slot] = segments_.back();
  segments_[slot].where->slot = static_cast<uint32_t>(slot);
  segments_.pop_back();
}

void entry_arena::reclaim(uint64_t oldest_reader) noexcept {
  while (!retired_.empty() && retired_.front().tag < oldest_reader) {
    auto* s = retired_.front().where;
    retired_.pop_front();
    if (!s->large && spare_.size() < max_spare)
      spare_.push_back(s);
    else
      unmap(*s);
  }
}

void entry_arena::unmap(segment& s) noexcept {
  mapped_ -= s.bytes;
  unmap_pages(&s, s.bytes);
}

void entry_arena::trim(size_t limit) noexcept {
  while (mapped_ > limit && !spare_.empty()) {
    unmap(*spare_.back());
    spare_.pop_back();
  }
}

} // namespace dbs::cache
