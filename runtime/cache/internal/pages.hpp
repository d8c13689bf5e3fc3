// The sizes of pages.
#pragma once

#include <cstddef>

namespace dbs::cache {

inline constexpr size_t page_bytes = 4096;

/// Of those that one entry of the processor's page tables stands for, on x86-64 and on AArch64
/// with pages of 4 KiB.
inline constexpr size_t huge_page_bytes = size_t{2} << 20;

/// `bytes`, rounded up to whole pages.
constexpr size_t whole_pages(size_t bytes) noexcept {
  return (bytes + page_bytes - 1) / page_bytes * page_bytes;
}

} // namespace dbs::cache
