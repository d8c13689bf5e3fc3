// Memory straight from the kernel, so that what is given back is gone from the process.
#pragma once

#include <cstddef>

namespace dbs::cache {

inline constexpr size_t page_bytes = 4096;

/// `bytes`, rounded up to whole pages.
constexpr size_t whole_pages(size_t bytes) noexcept {
  return (bytes + page_bytes - 1) / page_bytes * page_bytes;
}

/// Zeroed memory of whole pages. nullptr if the kernel has none.
void* map_pages(size_t bytes) noexcept;

/// False if the kernel refuses; the memory stays then.
bool unmap_pages(void* memory, size_t bytes) noexcept;

} // namespace dbs::cache
