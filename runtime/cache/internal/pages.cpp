#include "dbs/runtime/cache/internal/pages.hpp"

#include <sys/mman.h>

namespace dbs::cache {

void* map_pages(size_t bytes) noexcept {
  auto* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory != MAP_FAILED ? memory : nullptr;
}

bool unmap_pages(void* memory, size_t bytes) noexcept {
  return munmap(memory, bytes) == 0;
}

} // namespace dbs::cache
