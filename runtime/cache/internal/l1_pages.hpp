// What an L1 store has from the kernel, for all of its shards.
#pragma once

#include "dbs/runtime/cache/internal/page_pool.hpp"

#include <cstddef>

namespace dbs::cache {

struct l1_pages {
  /// For segments of so many bytes, a power of two from a page to a huge page.
  explicit l1_pages(size_t segment_bytes);

  /// How large the segments of a shard of so many bytes are.
  static size_t segment_bytes_for(size_t shard_bytes) noexcept;

  /// See `page_pool`; for segments, tables and large entries of up to `bytes` together.
  void reserve(size_t bytes);

  /// `bytes`, rounded up to what a table takes.
  size_t table_bytes(size_t bytes) const noexcept;

  /// For a table of so many bytes, which are rounded up.
  page_pool& tables(size_t bytes) noexcept;

  /// Segments, and tables that are large: segments fill what is left between these, so that
  /// there are full blocks.
  page_pool segments;
  page_pool small_tables;
  /// For entries that have a segment each. They come and go, and do not fill it.
  page_pool large;
};

} // namespace dbs::cache
