#include "dbs/runtime/cache/internal/page_pool.hpp"

#include <sys/mman.h>

#include <algorithm>

namespace dbs::cache {

namespace {

/// MADV_COLLAPSE, which older headers do not have.
constexpr int collapse = 25;

/// In calls, see the header.
constexpr size_t shortest_pause = 100;
constexpr size_t longest_pause = 6400;

/// False if the kernel has no huge page, or none for this.
bool make_huge(void* block) noexcept {
  // Where none are allowed, none are made on request. Only for so long, so that nothing is
  // filled up later, and the mapping is one with its neighbours again.
  madvise(block, huge_page_bytes, MADV_HUGEPAGE);
  auto result = madvise(block, huge_page_bytes, collapse) == 0;
  madvise(block, huge_page_bytes, MADV_NOHUGEPAGE);
  return result;
}

} // namespace

void page_pool::reserve(size_t bytes) {
  std::lock_guard guard{mutex_};
  if (bytes <= reserved_for_)
    return;
  // Doubled, so that there are few ranges.
  bytes = std::max(bytes, 2 * reserved_for_);
  ranges_.emplace_back(bytes / slot_bytes_ * addresses_per_byte_, slot_bytes_);
  reserved_for_ = bytes;
}

void* page_pool::take(size_t bytes) noexcept {
  std::lock_guard guard{mutex_};
  void* result = nullptr;
  for (auto range = ranges_.begin(); result == nullptr && range != ranges_.end(); ++range)
    result = range->take(bytes);
  return result;
}

bool page_pool::give_back(void* memory, size_t bytes) noexcept {
  std::lock_guard guard{mutex_};
  auto range = std::find_if(ranges_.begin(), ranges_.end(),
                            [memory](const page_range& x) { return x.owns(memory); });
  return range->give_back(memory, bytes);
}

void page_pool::collapse_next() noexcept {
  std::unique_lock guard{mutex_};
  if (pause_ > 0) {
    --pause_;
    return;
  }
  // One that is added meanwhile does not move the others.
  for (size_t i = 0; i < ranges_.size(); ++i) {
    auto& range = ranges_[i];
    auto* block = range.next_full();
    if (block == nullptr)
      continue;
    // It takes its time.
    guard.unlock();
    auto is_huge = make_huge(block);
    guard.lock();
    range.settle(block, is_huge);
    last_pause_ = is_huge ? 0 : std::clamp(2 * last_pause_, shortest_pause, longest_pause);
    pause_ = last_pause_;
  }
}

} // namespace dbs::cache
