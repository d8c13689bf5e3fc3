#include "dbs/runtime/cache/internal/pages.hpp"

#include <sys/mman.h>

#include <cstdint>

namespace dbs::cache {

void* map_pages(size_t bytes, size_t alignment) noexcept {
  // As much more as it takes to find an aligned piece; the rest goes back.
  auto more = alignment - page_bytes;
  auto* memory =
      mmap(nullptr, bytes + more, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return nullptr;
  auto* begin = static_cast<char*>(memory);
  auto before = -reinterpret_cast<uintptr_t>(begin) & (alignment - 1);
  if (before > 0)
    munmap(begin, before);
  if (before < more)
    munmap(begin + before + bytes, more - before);
  return begin + before;
}

void unmap_pages(void* memory, size_t bytes) noexcept {
  munmap(memory, bytes);
}

} // namespace dbs::cache
