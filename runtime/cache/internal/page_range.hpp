// Addresses that are reserved at once, and memory behind parts of them by and by.
//
// One mapping for all, because a process may have 65,530 only (vm.max_map_count).
//
// The kernel puts no huge pages there by itself: they would be more memory than was taken. But
// a block of a huge page's size that is full may get one, see `page_pool`.
#pragma once

#include "dbs/runtime/cache/internal/pages.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace dbs::cache {

/// Not for several threads at once.
class page_range {
public:
  /// Pieces begin at multiples of `slot_bytes`, a power of two from a page to a huge page.
  /// Reserves addresses for `slots` of these. Throws `std::bad_alloc`.
  page_range(size_t slots, size_t slot_bytes);
  ~page_range();

  page_range(const page_range&) = delete;
  page_range& operator=(const page_range&) = delete;

  /// A piece of whole pages, zeroed; takes memory as it is touched. nullptr if no addresses
  /// are free, or the kernel refuses.
  void* take(size_t bytes) noexcept;

  bool owns(const void* memory) const noexcept {
    auto* at = static_cast<const char*>(memory);
    return at >= begin_ && at < begin_ + slots() * slot_bytes_;
  }

  /// Gives a piece's memory back. False if the kernel refuses (say, as it is locked):
  /// nothing has changed then.
  bool give_back(void* memory, size_t bytes) noexcept;

  /// Looks at the next block; once round, and it begins again. Returns it if it is full, was
  /// so the last time, nothing in it has been given back since then, and it has no huge page.
  void* next_full() noexcept;

  /// Says whether a block that `next_full` returned has got a huge page. Pieces may have been
  /// given back meanwhile: what the kernel has put in their place goes again.
  void settle(void* block, bool is_huge) noexcept;

private:
  enum class block_state : uint8_t {
    /// Not looked at since something was given back.
    changed,
    full,
    /// Returned by `next_full`, and not settled yet.
    collapsing,
    huge,
  };

  size_t slots() const noexcept { return words_.size() * 64; }
  size_t slots_for(size_t bytes) const noexcept { return (bytes + slot_bytes_ - 1) / slot_bytes_; }
  size_t block_slots() const noexcept { return huge_page_bytes / slot_bytes_; }
  size_t offset_of(const void* at) const noexcept {
    return static_cast<size_t>(static_cast<const char*>(at) - begin_);
  }
  bool taken(size_t slot) const noexcept { return (words_[slot / 64] >> slot % 64 & 1U) != 0; }
  bool is_full(size_t block) const noexcept;
  size_t free_run(size_t many) noexcept;
  bool make_usable(size_t many) noexcept;
  void mark(size_t first, size_t many, bool now_taken) noexcept;
  bool drop(void* memory, size_t bytes) noexcept;

  size_t slot_bytes_;
  /// A bit for each slot: whether it is taken.
  std::vector<uint64_t> words_;
  std::vector<block_state> blocks_;
  size_t reserved_bytes_;
  void* reserved_ = nullptr;
  /// The first slot in what is reserved, where a block begins.
  char* begin_ = nullptr;
  /// So many slots may be written to.
  size_t usable_ = 0;
  /// All words before this are full.
  size_t first_free_word_ = 0;
  /// The block that `next_full` has looked at.
  size_t hand_ = 0;
};

} // namespace dbs::cache
