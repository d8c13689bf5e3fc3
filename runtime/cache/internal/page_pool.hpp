// Pieces of memory for all shards of a store, close together; full blocks of them get huge pages.
//
// Among a million entries almost every read needs other pages than the one before. Where each
// is one of 4 KiB, the processor looks up its address in the page tables each time; those of
// 2 MiB it knows. A huge page for what is not full would be memory that nobody has taken: the
// kernel is told to make none by itself (MADV_NOHUGEPAGE), and asked for one where all is taken
// (MADV_COLLAPSE, since Linux 6.1). So the memory of the process is what was taken, as before.
// An older kernel, and one that has no huge page left, refuses; then pages stay small.
#pragma once

#include "dbs/runtime/cache/internal/page_range.hpp"

#include <cstddef>
#include <deque>
#include <mutex>

namespace dbs::cache {

/// All functions may be called from any thread, and take a lock of its own. What has not been
/// given back goes with the pool.
class page_pool {
public:
  /// See `page_range`. Reserves `addresses_per_byte` times as many as it gives memory.
  page_pool(size_t slot_bytes, size_t addresses_per_byte)
      : slot_bytes_(slot_bytes), addresses_per_byte_(addresses_per_byte) {}

  /// For pieces of up to `bytes` together; to be called before there are so many. Throws
  /// `std::bad_alloc`; nothing has changed then.
  void reserve(size_t bytes);

  /// See `page_range`.
  void* take(size_t bytes) noexcept;
  bool give_back(void* memory, size_t bytes) noexcept;

  /// Looks at one block, and gives it a huge page if it is full, and was so the last time:
  /// the kernel copies 2 MiB then, for about a millisecond, and whoever reads them meanwhile
  /// waits. If the kernel refuses, which may take it longer, the next hundred calls do nothing,
  /// after another refusal twice as many, and so on up to some thousands. For pools all of whose
  /// pieces are whole slots. To be called from time to time.
  void collapse_next() noexcept;

  size_t slot_bytes() const noexcept { return slot_bytes_; }

private:
  size_t slot_bytes_;
  size_t addresses_per_byte_;
  std::mutex mutex_;
  /// As a rule one; another when it is to be larger than was thought.
  std::deque<page_range> ranges_;
  /// So many bytes have their addresses.
  size_t reserved_for_ = 0;
  /// Calls of `collapse_next` that still do nothing, and how many that were after the last
  /// refusal.
  size_t pause_ = 0;
  size_t last_pause_ = 0;
};

} // namespace dbs::cache
