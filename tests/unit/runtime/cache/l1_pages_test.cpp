#include "dbs/runtime/cache/internal/l1_pages.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace dbs::cache;

namespace {

constexpr size_t kib = 1024;
constexpr size_t segment = 32 * kib;

} // namespace

TEST_CASE("segments are small against their shard, and not too many") {
  CHECK(l1_pages::segment_bytes_for(0) == 4 * kib);
  CHECK(l1_pages::segment_bytes_for(1024 * kib) == 16 * kib);
  CHECK(l1_pages::segment_bytes_for(16 * 1024 * kib) == 32 * kib);
  CHECK(l1_pages::segment_bytes_for(100 * 1024 * kib) == 64 * kib);
  CHECK(l1_pages::segment_bytes_for(size_t{1} << 40) == 1024 * kib);
}

TEST_CASE("small tables take what they need, and large ones whole segments") {
  l1_pages pages{segment};
  CHECK(pages.table_bytes(1) == 4 * kib);
  CHECK(pages.table_bytes(3 * segment - 1) == 3 * segment);
  CHECK(pages.table_bytes(3 * segment + 1) == 4 * segment);
  CHECK(pages.table_bytes(5 * segment - 1) == 5 * segment);
  CHECK(&pages.tables(4 * kib) == &pages.small_tables);
  CHECK(&pages.tables(3 * segment) == &pages.small_tables);
  CHECK(&pages.tables(4 * segment) == &pages.segments);
}

TEST_CASE("all kinds of pieces have their addresses") {
  l1_pages pages{segment};
  pages.reserve(4 * segment);
  for (auto* pool : {&pages.segments, &pages.small_tables, &pages.large})
    CHECK(pool->take(4 * segment) != nullptr);
}
