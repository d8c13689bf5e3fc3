// Addresses that are reserved at once, and memory behind parts of them by and by.
//
// One mapping for all, because a process may have 65,530 only (vm.max_map_count).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace dbs::cache {

/// Not for several threads at once.
class page_range {
public:
  /// Pieces begin at multiples of `slot_bytes`, a power of two, at least a page. Reserves
  /// addresses for `slots` of these. Throws `std::bad_alloc`.
  page_range(size_t slots, size_t slot_bytes);
  ~page_range();

  page_range(page_range&& other) noexcept;
  page_range& operator=(page_range&&) = delete;

  /// A piece of whole pages; takes memory as it is touched. nullptr if no addresses are
  /// free, or the kernel refuses.
  void* take(size_t bytes) noexcept;

  bool owns(const void* memory) const noexcept {
    auto* at = static_cast<const char*>(memory);
    return at >= begin_ && at < begin_ + slots() * slot_bytes_;
  }

  /// Gives a piece's memory back. False if the kernel refuses (say, as it is locked):
  /// nothing has changed then.
  bool give_back(void* memory, size_t bytes) noexcept;

private:
  size_t slots() const noexcept { return words_.size() * 64; }
  size_t slots_for(size_t bytes) const noexcept { return (bytes + slot_bytes_ - 1) / slot_bytes_; }
  size_t free_run(size_t many) noexcept;
  bool make_usable(size_t many) noexcept;
  void mark(size_t first, size_t many, bool taken) noexcept;

  size_t slot_bytes_;
  /// A bit for each slot: whether it is taken.
  std::vector<uint64_t> words_;
  size_t reserved_bytes_;
  void* reserved_ = nullptr;
  /// The first slot in what is reserved.
  char* begin_ = nullptr;
  /// So many slots may be written to.
  size_t usable_ = 0;
  /// All words before this are full.
  size_t first_free_word_ = 0;
};

} // namespace dbs::cache
