#include "dbs/runtime/cache/internal/ghost_set.hpp"

#include <algorithm>
#include <bit>
#include <new>

namespace dbs::cache {

void ghost_set::resize(size_t count) noexcept {
  if (count == capacity_)
    return;
  buckets_ = {};
  capacity_ = count;
  added_ = 0;
  shift_ = std::max(0, static_cast<int>(std::bit_width(count)) - 15);
  try {
    buckets_.resize((count + count / 2 + bucket_size - 1) / bucket_size);
  } catch (const std::bad_alloc&) {
    capacity_ = 0;
  }
}

void ghost_set::add(uint32_t hash) noexcept {
  if (buckets_.empty())
    return;
  auto& b = bucket_of(hash);
  std::shift_right(b.begin(), b.end(), 1);
  b.front() = {fingerprint(hash), now()};
  ++added_;
}

bool ghost_set::take(uint32_t hash) noexcept {
  if (buckets_.empty())
    return false;
  auto& b = bucket_of(hash);
  auto wanted = fingerprint(hash);
  auto at = std::find_if(b.begin(), b.end(),
                         [wanted](const ghost& x) { return x.fingerprint == wanted; });
  if (at == b.end())
    return false;
  auto age = static_cast<uint16_t>(now() - at->came);
  std::shift_left(at, b.end(), 1);
  b.back() = {};
  return age <= capacity_ >> shift_;
}

} // namespace dbs::cache
