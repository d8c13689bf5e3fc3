#include "dbs/runtime/cache/internal/l1_pages.hpp"

#include <algorithm>
#include <bit>

namespace dbs::cache {

namespace {

constexpr size_t kib = 1024;

/// A table of so many segments takes whole ones; not much more than it needs.
constexpr size_t min_table_segments = 4;

/// A smaller one takes eighths.
constexpr size_t slots_per_segment = 8;

constexpr size_t round_up(size_t bytes, size_t to) noexcept {
  return (bytes + to - 1) / to * to;
}

/// Tables are of many sizes, and leave gaps in which others do not fit.
constexpr size_t addresses_per_byte = 2;

/// A large entry takes whole segments of addresses, at the worst almost four times its pages,
/// and twice that keeps long runs free among short ones.
constexpr size_t addresses_per_large_byte = 8;

} // namespace

l1_pages::l1_pages(size_t segment_bytes)
    : segments(segment_bytes, addresses_per_byte),
      small_tables(std::max(segment_bytes / slots_per_segment, page_bytes), addresses_per_byte),
      large(segment_bytes, addresses_per_large_byte) {}

/// Segments are small against the shard, and not too many.
size_t l1_pages::segment_bytes_for(size_t shard_bytes) noexcept {
  auto one_of = [shard_bytes](size_t many) { return std::bit_floor(shard_bytes / many); };
  return std::max(std::clamp(one_of(64), 4 * kib, 32 * kib), std::min(one_of(1024), 1024 * kib));
}

void l1_pages::reserve(size_t bytes) {
  for (auto* pool : {&segments, &small_tables, &large})
    pool->reserve(bytes);
}

size_t l1_pages::table_bytes(size_t bytes) const noexcept {
  auto is_large = bytes > (min_table_segments - 1) * segments.slot_bytes();
  return round_up(bytes, (is_large ? segments : small_tables).slot_bytes());
}

page_pool& l1_pages::tables(size_t bytes) noexcept {
  return bytes >= min_table_segments * segments.slot_bytes() ? segments : small_tables;
}

} // namespace dbs::cache
