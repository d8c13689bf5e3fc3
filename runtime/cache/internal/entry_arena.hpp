// The memory of a shard's entries: segments that are filled from front to back.
//
// This is log-structured memory (Rumble, Kejriwal, Ousterhout: Log-structured memory for
// DRAM-based storage, FAST'14). Entries of all sizes lie one behind the other. What is
// released leaves a hole; when there are many, the emptiest segment is cleaned: its entries
// are copied into another, and it is used again as soon as no reader looks at it any more.
// So the memory that a shard takes is known to the page and does not grow with its age,
// whatever the sizes are and whichever threads write, which malloc cannot promise.
#pragma once

#include "dbs/runtime/cache/entry.hpp"
#include "dbs/runtime/cache/internal/l1_pages.hpp"
#include "dbs/runtime/cache/reader_slots.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace dbs::cache {

/// Learns that an entry has got another place in memory. `from` has been unlinked
/// everywhere when `move` returns; readers may still look at it.
class entry_mover {
public:
  virtual void move(entry& from, entry& to) noexcept = 0;

protected:
  ~entry_mover() = default;
};

/// For whoever holds the lock of the shard.
class entry_arena {
public:
  /// What it has of `pages` at its end goes with these.
  entry_arena(l1_pages& pages, reader_slots& readers, entry_mover& mover)
      : pages_(pages), segment_bytes_(pages.segments.slot_bytes()), readers_(readers),
        mover_(mover) {}

  entry_arena(const entry_arena&) = delete;
  entry_arena& operator=(const entry_arena&) = delete;

  /// Gets ready for limits up to `bytes`, as `pages` has to; to be called before there is
  /// such a limit. Throws `std::bad_alloc`; nothing has changed then.
  void reserve(size_t bytes);

  /// Whether there is room for so much more within `limit` bytes, with what it takes to
  /// keep holes at bay.
  bool fits(size_t bytes, size_t limit) const noexcept;

  /// Memory for an entry. Entries may be moved meanwhile. nullptr if it does not fit,
  /// or readers hold on to what is needed.
  void* allocate(size_t bytes, size_t limit) noexcept;

  /// The entry is unlinked everywhere. Until then it is live, from when it is made in what
  /// `allocate` returned.
  void release(entry& e) noexcept;

  /// Cleans segments, if it takes more than `limit`, until it does not, or there is
  /// nothing to gain, or `max_segments` have been cleaned.
  void shrink(size_t limit, int max_segments) noexcept;

  /// Frees what no reader looks at any more.
  void reclaim(uint64_t oldest_reader) noexcept;

  bool reclaimable() const noexcept { return retired_front_ != nullptr; }

  /// Of the entries.
  size_t live_bytes() const noexcept { return live_ + large_bytes_; }

  /// All that it has from the kernel.
  size_t mapped_bytes() const noexcept { return mapped_; }

  /// Of the entries that were copied by cleaning, so far.
  uint64_t moved_bytes() const noexcept { return moved_; }

private:
  struct segment {
    /// What it has from the kernel.
    size_t bytes;
    /// Its index in `segments_`.
    uint32_t slot;
    bool large;
    /// When it is retired.
    uint64_t tag;
    /// Of those that are retired, or spare.
    segment* next;
  };

  struct segment_state {
    segment* where;
    /// Where the next entry goes.
    uint32_t used;
    /// So much of what is before is of entries no more.
    uint32_t holes;

    size_t live() const noexcept { return used - sizeof(segment) - holes; }
  };

  /// Large entries have a segment each.
  bool is_large(size_t bytes) const noexcept { return bytes > segment_bytes_ / 4; }

  page_pool& pool_for(bool large) noexcept { return large ? pages_.large : pages_.segments; }

  segment* segment_of(const entry& e) const noexcept;
  size_t target() const noexcept;
  void* allocate_large(size_t bytes, size_t limit) noexcept;
  void* bump(segment* head, size_t bytes) noexcept;
  void leave_hole(segment_state& in, size_t bytes) noexcept;
  segment* map_segment(size_t bytes, bool large) noexcept;
  segment* take_segment(size_t limit) noexcept;
  bool replace_head(segment*& head, size_t limit) noexcept;
  bool renew_fresh(size_t limit) noexcept;
  size_t emptiest() const noexcept;
  bool clean_one(size_t limit) noexcept;
  bool move_out(segment& s, size_t used, size_t limit) noexcept;
  void retire(segment& s) noexcept;
  void retire_slot(size_t slot) noexcept;
  bool unmap(segment& s) noexcept;
  void trim(size_t limit) noexcept;

  l1_pages& pages_;
  size_t segment_bytes_;
  reader_slots& readers_;
  entry_mover& mover_;

  /// Does not grow by itself: see `reserve`.
  std::vector<segment_state> segments_;
  /// Where new entries go, and where cleaning puts the old ones: these live longer, so
  /// that they are not to be mixed.
  segment* fresh_ = nullptr;
  segment* settled_ = nullptr;
  segment* spare_ = nullptr;
  size_t spare_count_ = 0;
  /// The oldest in front.
  segment* retired_front_ = nullptr;
  segment* retired_back_ = nullptr;

  size_t mapped_ = 0;
  /// In `segments_`.
  size_t live_ = 0;
  /// In `segments_`.
  size_t holes_ = 0;
  /// What is left behind the last entries in `segments_`, but for the two that are filled.
  size_t tails_ = 0;
  /// Of large entries in use.
  size_t large_bytes_ = 0;
  uint64_t moved_ = 0;
};

} // namespace dbs::cache
