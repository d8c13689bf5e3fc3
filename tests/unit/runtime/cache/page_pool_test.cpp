#include "dbs/runtime/cache/internal/page_pool.hpp"

#include "process_memory.hpp"
#include "sanitized.hpp"

#include <sys/mman.h>
#include <sys/prctl.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <random>
#include <thread>
#include <utility>
#include <vector>

using namespace dbs::cache;
using namespace dbs::tests;

namespace {

constexpr size_t slot = size_t{32} << 10;
constexpr size_t block = huge_page_bytes;
constexpr size_t slots_per_block = block / slot;

/// Pieces of one slot, written to; the first begins a block.
struct pool_fixture {
  page_pool pool{slot, 2};
  std::vector<char*> pieces;

  pool_fixture() { pool.reserve(16 * block); }

  void take(size_t many) {
    for (size_t i = 0; i < many; ++i) {
      auto* piece = static_cast<char*>(pool.take(slot));
      REQUIRE(piece != nullptr);
      REQUIRE(std::all_of(piece, piece + slot, [](char c) { return c == 0; }));
      std::memset(piece, 'x', slot);
      pieces.push_back(piece);
    }
  }

  void give_back(size_t index) {
    REQUIRE(pool.give_back(pieces[index], slot));
    pieces.erase(pieces.begin() + static_cast<ptrdiff_t>(index));
  }

  /// So often that every block has been looked at twice.
  void collapse() {
    for (auto i = 0; i < 64; ++i)
      pool.collapse_next();
  }

  mapped_memory memory() const { return memory_at(pieces.front(), 16 * block); }

  size_t resident() const { return resident_bytes(pieces.front(), 16 * block); }

  bool intact() const {
    return std::all_of(pieces.begin(), pieces.end(), [](const char* piece) {
      return std::all_of(piece, piece + slot, [](char c) { return c == 'x'; });
    });
  }
};

/// Expected, where there are huge pages at all.
size_t on_huge_pages(size_t bytes) {
  if (has_huge_pages())
    return bytes;
  WARN("no huge pages here: MADV_COLLAPSE is refused");
  return 0;
}

} // namespace

TEST_CASE_METHOD(pool_fixture, "full blocks get huge pages, and others do not") {
  take(3 * slots_per_block + 1);
  CHECK(memory().on_huge_pages == 0);
  collapse();
  CHECK(memory().on_huge_pages == on_huge_pages(3 * block));
  CHECK(resident() == 3 * block + slot);
  CHECK(memory().may_become_huge == 0);
  CHECK(intact());
}

TEST_CASE_METHOD(pool_fixture, "what is given back is gone, on huge pages as well") {
  take(4 * slots_per_block);
  collapse();
  for (size_t i = 0; i < slots_per_block / 2; ++i)
    give_back(slots_per_block);
  CHECK(resident() == 4 * block - block / 2);
  CHECK(memory().on_huge_pages == on_huge_pages(3 * block));
  collapse();
  CHECK(resident() == 4 * block - block / 2);
  CHECK(memory().may_become_huge == 0);
  CHECK(intact());
  // It is used again, and then the block is full as before.
  take(slots_per_block / 2);
  collapse();
  CHECK(memory().on_huge_pages == on_huge_pages(4 * block));
  CHECK(intact());
  while (pieces.size() > 1)
    give_back(1);
  CHECK(resident() == slot);
}

TEST_CASE_METHOD(pool_fixture, "a kernel that refuses is not asked again at once") {
  take(slots_per_block);
  REQUIRE(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0);
  collapse();
  REQUIRE(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0) == 0);
  CHECK(memory().on_huge_pages == 0);
  // It was refused among the first two.
  for (auto i = 0; i < 100 - 64; ++i)
    pool.collapse_next();
  CHECK(memory().on_huge_pages == 0);
  for (auto i = 0; i < 10; ++i)
    pool.collapse_next();
  CHECK(memory().on_huge_pages == on_huge_pages(block));
  CHECK(intact());
}

TEST_CASE_METHOD(pool_fixture, "a block in which pieces come and go gets no huge page") {
  take(slots_per_block);
  for (auto i = 0; i < 64; ++i) {
    pool.collapse_next();
    REQUIRE(memory().on_huge_pages == 0);
    give_back(pieces.size() - 1);
    take(1);
  }
  pool.collapse_next();
  pool.collapse_next();
  CHECK(memory().on_huge_pages == on_huge_pages(block));
}

TEST_CASE("pieces of every size lie on huge pages when they fill a block") {
  auto size = GENERATE(page_bytes, size_t{1} << 20, huge_page_bytes);
  page_pool pool{size, 2};
  pool.reserve(4 * block);
  // One that reaches over two blocks, and the rest of the second.
  auto first_bytes = size == block ? block : block + size;
  auto* first = static_cast<char*>(pool.take(first_bytes));
  std::memset(first, 'x', first_bytes);
  for (auto done = first_bytes; done < 2 * block; done += size)
    std::memset(pool.take(size), 'x', size);
  for (auto i = 0; i < 256; ++i)
    pool.collapse_next();
  CHECK(memory_at(first, 2 * block).on_huge_pages == on_huge_pages(2 * block));
  CHECK(resident_bytes(first, 2 * block) == 2 * block);
}

TEST_CASE_METHOD(pool_fixture, "a pool becomes larger while it is used") {
  take(slots_per_block);
  pool.reserve(64 * block);
  take(63 * slots_per_block);
  CHECK(intact());
  while (!pieces.empty())
    give_back(pieces.size() - 1);
}

TEST_CASE("pieces may come and go while their blocks get huge pages") {
  page_pool pool{slot, 2};
  pool.reserve(8 * block);
  auto* begin = static_cast<char*>(pool.take(slot));
  std::memset(begin, 'x', slot);
  std::atomic<bool> stop{false};
  std::atomic<size_t> wrong{0};
  std::atomic<size_t> kept{1};
  auto use = [&](unsigned which) {
    std::mt19937 random{which};
    std::vector<char*> mine;
    auto mark = static_cast<char>('a' + which);
    for (auto i = 0; i < (sanitized ? 5'000 : 50'000); ++i) {
      // Full for a while, then less.
      auto most = i / 500 % 2 == 0 ? 2 * slots_per_block : slots_per_block;
      if (mine.size() < most) {
        mine.push_back(static_cast<char*>(pool.take(slot)));
        wrong += mine.back()[0] != 0 || mine.back()[slot - 1] != 0 ? 1 : 0;
        std::memset(mine.back(), mark, slot);
      } else {
        auto& piece = mine[random() % mine.size()];
        wrong += piece[0] != mark || piece[slot - 1] != mark ? 1 : 0;
        pool.give_back(std::exchange(piece, mine.back()), slot);
        mine.pop_back();
      }
    }
    kept += mine.size();
  };
  std::vector<std::thread> users;
  users.emplace_back(use, 0);
  users.emplace_back(use, 1);
  std::vector<std::thread> collapsing;
  for (auto i = 0; i < 2; ++i)
    collapsing.emplace_back([&] {
      while (!stop)
        pool.collapse_next();
    });
  for (auto& x : users)
    x.join();
  stop = true;
  for (auto& x : collapsing)
    x.join();
  CHECK(wrong == 0);
  CHECK(resident_bytes(begin, 8 * block) == kept * slot);
  CHECK(memory_at(begin, 8 * block).may_become_huge == 0);
}
