#include "dbs/runtime/cache/internal/entry_arena.hpp"

#include "dbs/runtime/cache/internal/pages.hpp"

#include <new>
#include <utility>

namespace dbs::cache {

namespace {

/// Holes may be so much of the live bytes.
constexpr size_t hole_divisor = 12;

/// Two that are being filled, one that cleaning begins, one that readers still look at.
constexpr size_t reserved_segments = 4;

/// At most so many are cleaned for one allocation: the lock is held meanwhile.
constexpr int max_cleaned = 16;

/// Free segments that are kept.
constexpr size_t max_spare = 2;

} // namespace

void entry_arena::reserve(size_t bytes) {
  segments_.reserve(bytes / segment_bytes_ + 1);
}

// -- how much ----------------------------------------------------------------------

bool entry_arena::fits(size_t bytes, size_t limit) const noexcept {
  auto large = is_large(bytes);
  auto small = live_ + (large ? 0 : bytes);
  auto own = large ? whole_pages(sizeof(segment) + bytes) : 0;
  return large_bytes_ + own + small + small / hole_divisor + tails_ +
             reserved_segments * segment_bytes_ <=
         limit;
}

/// What its segments should take, the large entries aside.
size_t entry_arena::target() const noexcept {
  return live_ + live_ / hole_divisor + tails_ + (reserved_segments - 1) * segment_bytes_;
}

// -- allocation --------------------------------------------------------------------

void* entry_arena::allocate(size_t bytes, size_t limit) noexcept {
  if (is_large(bytes))
    return allocate_large(bytes, limit);
  if (auto* result = bump(fresh_, bytes))
    return result;
  return renew_fresh(limit) ? bump(fresh_, bytes) : nullptr;
}

void* entry_arena::allocate_large(size_t bytes, size_t limit) noexcept {
  auto all = whole_pages(sizeof(segment) + bytes);
  if (all > limit)
    return nullptr;
  shrink(limit - all, max_cleaned * static_cast<int>(all / segment_bytes_ + 1));
  if (mapped_ + all > limit)
    return nullptr;
  auto* s = map_segment(all, true);
  if (s == nullptr)
    return nullptr;
  large_bytes_ += all;
  return s + 1;
}

void* entry_arena::bump(segment* head, size_t bytes) noexcept {
  if (head == nullptr)
    return nullptr;
  auto& state = segments_[head->slot];
  if (state.used + bytes > head->bytes)
    return nullptr;
  auto* result = reinterpret_cast<char*>(head) + state.used;
  state.used += static_cast<uint32_t>(bytes);
  live_ += bytes;
  return result;
}

void entry_arena::leave_hole(segment_state& in, size_t bytes) noexcept {
  in.holes += static_cast<uint32_t>(bytes);
  holes_ += bytes;
  live_ -= bytes;
}

entry_arena::segment* entry_arena::map_segment(size_t bytes, bool large) noexcept {
  auto* memory = pool_for(large).take(bytes);
  if (memory == nullptr)
    return nullptr;
  mapped_ += bytes;
  return new (memory) segment{bytes, 0, large, 0, nullptr};
}

/// An empty segment, of those that are free or from the kernel.
entry_arena::segment* entry_arena::take_segment(size_t limit) noexcept {
  segment* result = nullptr;
  if (segments_.size() == segments_.capacity())
    return nullptr;
  if (spare_ != nullptr) {
    result = std::exchange(spare_, spare_->next);
    --spare_count_;
  } else if (mapped_ + segment_bytes_ <= limit) {
    result = map_segment(segment_bytes_, false);
  }
  if (result == nullptr)
    return nullptr;
  result->slot = static_cast<uint32_t>(segments_.size());
  segments_.push_back({result, sizeof(segment), 0});
  return result;
}

/// Puts an empty segment in the place of a full one.
bool entry_arena::replace_head(segment*& head, size_t limit) noexcept {
  auto* s = take_segment(limit);
  if (s == nullptr)
    return false;
  if (auto* full = std::exchange(head, s); full != nullptr) {
    auto& state = segments_[full->slot];
    tails_ += segment_bytes_ - state.used;
    if (state.live() == 0)
      retire_slot(full->slot);
  }
  return true;
}

/// An empty segment for new entries, after cleaning if there are enough of them.
bool entry_arena::renew_fresh(size_t limit) noexcept {
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

/// The one with the most holes.
size_t entry_arena::emptiest() const noexcept {
  auto best = segments_.size();
  for (size_t i = 0; i < segments_.size(); ++i)
    if (segments_[i].where != fresh_ && segments_[i].where != settled_ &&
        (best == segments_.size() || segments_[i].holes > segments_[best].holes))
      best = i;
  return best;
}

/// False if there is none, little to gain, or no place to move entries to.
bool entry_arena::clean_one(size_t limit) noexcept {
  auto which = emptiest();
  if (which == segments_.size() || segments_[which].holes < segment_bytes_ / 32)
    return false;
  auto waste = holes_ + tails_;
  auto& s = *segments_[which].where;
  if (!move_out(s, segments_[which].used, limit))
    return false;
  retire_slot(s.slot);
  reclaim(readers_.oldest_reader());
  // What was closed here may be open at the end of another.
  return holes_ + tails_ < waste;
}

/// Copies a segment's entries into another.
bool entry_arena::move_out(segment& s, size_t used, size_t limit) noexcept {
  auto* end = reinterpret_cast<char*>(&s) + used;
  for (auto* at = reinterpret_cast<char*>(&s + 1); at < end;) {
    auto* e = reinterpret_cast<entry*>(at);
    auto bytes = e->bytes();
    at += bytes;
    if (!e->live)
      continue;
    auto* to = bump(settled_, bytes);
    if (to == nullptr) {
      if (!replace_head(settled_, limit))
        return false;
      to = bump(settled_, bytes);
    }
    mover_.move(*e, *entry::make_copy(to, *e));
    e->live = false;
    leave_hole(segments_[s.slot], bytes);
    moved_ += bytes;
  }
  return true;
}

void entry_arena::shrink(size_t limit, int max_segments) noexcept {
  if (reclaimable())
    reclaim(readers_.oldest_reader());
  trim(limit);
  // As long as readers hold on to what has been cleaned, more of it would be in vain.
  for (auto i = 0; i < max_segments && mapped_ > limit && !reclaimable(); ++i) {
    auto more = clean_one(mapped_ + segment_bytes_);
    trim(limit);
    if (!more)
      return;
  }
}

// -- giving back -------------------------------------------------------------------

entry_arena::segment* entry_arena::segment_of(const entry& e) const noexcept {
  return reinterpret_cast<segment*>(reinterpret_cast<uintptr_t>(&e) & ~(segment_bytes_ - 1));
}

void entry_arena::release(entry& e) noexcept {
  e.live = false;
  auto* s = segment_of(e);
  if (s->large) {
    large_bytes_ -= s->bytes;
    return retire(*s);
  }
  auto& state = segments_[s->slot];
  leave_hole(state, e.bytes());
  if (state.live() == 0 && s != fresh_ && s != settled_)
    retire_slot(s->slot);
}

void entry_arena::retire(segment& s) noexcept {
  s.tag = readers_.retire_tag();
  s.next = nullptr;
  (retired_front_ != nullptr ? retired_back_->next : retired_front_) = &s;
  retired_back_ = &s;
}

/// Of one that is not filled any more, without live entries.
void entry_arena::retire_slot(size_t slot) noexcept {
  auto& state = segments_[slot];
  holes_ -= state.holes;
  tails_ -= segment_bytes_ - state.used;
  retire(*state.where);
  state = segments_.back();
  state.where->slot = static_cast<uint32_t>(slot);
  segments_.pop_back();
}

void entry_arena::reclaim(uint64_t oldest_reader) noexcept {
  while (retired_front_ != nullptr && retired_front_->tag < oldest_reader) {
    auto* s = retired_front_;
    auto* next = s->next;
    if (!s->large && spare_count_ < max_spare) {
      s->next = std::exchange(spare_, s);
      ++spare_count_;
    } else if (!unmap(*s)) {
      return;
    }
    retired_front_ = next;
  }
}

/// False if the kernel does not take it: then it is as before, and counts.
bool entry_arena::unmap(segment& s) noexcept {
  auto bytes = s.bytes;
  if (!pool_for(s.large).give_back(&s, bytes))
    return false;
  mapped_ -= bytes;
  return true;
}

void entry_arena::trim(size_t limit) noexcept {
  while (mapped_ > limit && spare_ != nullptr) {
    auto* next = spare_->next;
    if (!unmap(*spare_))
      return;
    spare_ = next;
    --spare_count_;
  }
}

} // namespace dbs::cache
