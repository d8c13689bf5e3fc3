// What the kernel says of this process's memory.
#pragma once

#include "dbs/runtime/cache/internal/pages.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace dbs::tests {

inline size_t resident_bytes() {
  size_t all = 0;
  size_t resident = 0;
  std::ifstream{"/proc/self/statm"} >> all >> resident;
  return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

/// Since `before`.
inline size_t resident_growth(size_t before) {
  auto now = resident_bytes();
  return now > before ? now - before : 0;
}

/// What is there of so many bytes from the beginning of a page.
inline size_t resident_bytes(void* begin, size_t bytes) {
  std::vector<unsigned char> pages(bytes / cache::page_bytes);
  if (mincore(begin, bytes, pages.data()) != 0)
    return 0;
  return cache::page_bytes * static_cast<size_t>(std::count_if(pages.begin(), pages.end(),
                                                               [](auto x) { return x % 2 != 0; }));
}

/// Of the mappings that touch so many bytes; the kernel makes one of those that are side by side.
struct mapped_memory {
  size_t on_huge_pages = 0;
  /// Without the advice that the kernel is not to make huge pages by itself.
  size_t may_become_huge = 0;
};

inline mapped_memory memory_at(const void* begin, size_t bytes) {
  auto first = reinterpret_cast<uintptr_t>(begin);
  mapped_memory result;
  std::ifstream maps{"/proc/self/smaps"};
  bool inside = false;
  size_t size = 0;
  for (std::string line; std::getline(maps, line);) {
    uintptr_t from = 0;
    uintptr_t to = 0;
    size_t kib = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx", &from, &to) == 2) {
      inside = from < first + bytes && first < to;
      size = to - from;
    } else if (!inside) {
      continue;
    } else if (std::sscanf(line.c_str(), "AnonHugePages: %zu kB", &kib) == 1) {
      result.on_huge_pages += kib << 10;
    } else if (line.starts_with("VmFlags:") && line.find(" nh") == std::string::npos) {
      result.may_become_huge += size;
    }
  }
  return result;
}

inline mapped_memory all_memory() {
  return memory_at(nullptr, UINTPTR_MAX);
}

/// Whether this kernel makes huge pages when it is asked to: since Linux 6.1, unless it is built
/// without, or has no memory for them left.
inline bool has_huge_pages() {
  constexpr auto huge = cache::huge_page_bytes;
  auto unmap = [](void* memory) { munmap(memory, 2 * huge); };
  std::unique_ptr<void, decltype(unmap)> memory{
      mmap(nullptr, 2 * huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)};
  auto* block = static_cast<char*>(memory.get());
  block += -reinterpret_cast<uintptr_t>(block) & (huge - 1);
  *block = 'x';
  return madvise(block, huge, 25 /* MADV_COLLAPSE */) == 0;
}

} // namespace dbs::tests
