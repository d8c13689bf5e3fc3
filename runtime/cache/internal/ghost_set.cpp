#include "dbs/runtime/cache/internal/ghost_set.hpp"

#include <algorithm>

namespace dbs::cache {

void ghost_set::resize(size_t count) {
  auto needed = (count + bucket_size - 1) / bucket_size;
  if (needed != buckets_.size())
    buckets_ = std::vector<bucket>(needed);
}

void ghost_set::add(uint32_t hash) noexcept {
  if (buckets_.empty())
    return;
  auto& b = bucket_of(hash);
  std::shift_right(b.begin(), b.end(), 1);
  b.front() = fingerprint(hash);
}

bool ghost_set::take(uint32_t hash) noexcept {
  if (buckets_.empty())
    return false;
  auto& b = bucket_of(hash);
  auto at = std::find(b.begin(), b.end(), fingerprint(hash));
  if (at == b.end())
    return false;
  std::shift_left(at, b.end(), 1);
  b.back() = 0;
  return true;
}

} // namespace dbs::cache
