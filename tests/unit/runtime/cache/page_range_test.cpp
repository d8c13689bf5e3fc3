#include "dbs/runtime/cache/internal/page_range.hpp"

#include "dbs/runtime/cache/internal/pages.hpp"

#include "process_memory.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <cstring>
#include <map>
#include <new>
#include <random>
#include <set>

using namespace dbs::cache;
using dbs::tests::resident_bytes;

namespace {

constexpr size_t slot = 4 * page_bytes;

} // namespace

TEST_CASE("pieces of a range do not overlap, are aligned and come zeroed") {
  page_range range{1024, slot};
  std::map<char*, size_t> taken;
  std::mt19937 random{1};
  for (auto i = 0; i < 20'000; ++i) {
    if (random() % 2 == 0 || taken.empty()) {
      auto bytes = (random() % (i % 100 == 0 ? 500 : 12) + 1) * page_bytes;
      auto* at = static_cast<char*>(range.take(bytes));
      if (at == nullptr)
        continue;
      REQUIRE(range.owns(at));
      REQUIRE(reinterpret_cast<uintptr_t>(at) % slot == 0);
      auto next = taken.lower_bound(at);
      REQUIRE((next == taken.end() || at + bytes <= next->first));
      REQUIRE((next == taken.begin() || std::prev(next)->first + std::prev(next)->second <= at));
      REQUIRE(at[0] == 0);
      REQUIRE(at[bytes - 1] == 0);
      at[0] = at[bytes - 1] = 'x';
      taken.emplace(at, bytes);
    } else {
      auto which = std::next(taken.begin(), static_cast<long>(random() % taken.size()));
      REQUIRE(range.give_back(which->first, which->second));
      taken.erase(which);
    }
  }
}

TEST_CASE("a range is used from the front, to its end") {
  page_range range{128, slot};
  auto* first = static_cast<char*>(range.take(slot));
  auto* second = static_cast<char*>(range.take(3 * slot));
  CHECK(second == first + slot);
  CHECK(range.take(125 * slot) == nullptr);
  auto* rest = range.take(124 * slot);
  CHECK(rest == first + 4 * slot);
  CHECK(range.take(page_bytes) == nullptr);
  CHECK(range.give_back(second, 3 * slot));
  CHECK(range.take(4 * slot) == nullptr);
  CHECK(range.take(2 * slot) == second);
  CHECK(range.take(page_bytes) == second + 2 * slot);
}

TEST_CASE("what the kernel has put behind free slots of a block is gone when it has settled") {
  page_range range{2 * huge_page_bytes / slot, slot};
  auto* first = static_cast<char*>(range.take(huge_page_bytes));
  std::memset(first, 'x', huge_page_bytes);
  void* block = nullptr;
  while (block == nullptr)
    block = range.next_full();
  REQUIRE(range.give_back(first + slot, slot));
  // As a huge page does that comes late.
  first[slot] = 'x';
  auto is_huge = GENERATE(true, false);
  range.settle(block, is_huge);
  CHECK(resident_bytes(first, huge_page_bytes) == huge_page_bytes - slot);
  CHECK(first[slot - 1] == 'x');
  CHECK(range.take(slot) == first + slot);
  CHECK(first[slot] == 0);
}

TEST_CASE("more addresses than there are throw") {
  CHECK_THROWS_AS((page_range{size_t{1} << 40, slot}), std::bad_alloc);
  CHECK_THROWS_AS((page_range{SIZE_MAX / slot, slot}), std::bad_alloc);
}

TEST_CASE("a block is full when all of it is taken, and has been so for a round") {
  page_range range{4 * huge_page_bytes / slot, slot};
  auto* first = static_cast<char*>(range.take(3 * huge_page_bytes - slot));
  auto* second = first + huge_page_bytes;
  auto* third = second + huge_page_bytes;
  using blocks = std::set<void*>;
  auto round = [&] {
    blocks result;
    for (auto i = 0; i < 3; ++i)
      if (auto* block = range.next_full())
        result.insert(block);
    return result;
  };
  CHECK(round().empty());
  CHECK(round() == blocks{first, second});
  // Whoever has them has not settled them.
  CHECK(round().empty());
  CHECK(round().empty());
  range.settle(first, true);
  // Refused: it has to be full for another round.
  range.settle(second, false);
  CHECK(round().empty());
  CHECK(round() == blocks{second});
  range.settle(second, true);
  REQUIRE(range.take(slot) == third + huge_page_bytes - slot);
  CHECK(round().empty());
  CHECK(round() == blocks{third});
  range.settle(third, true);
  CHECK(round().empty());
  CHECK(round().empty());
  // One that had a huge page is as any other when something has been given back.
  REQUIRE(range.give_back(first, slot));
  CHECK(round().empty());
  REQUIRE(range.take(slot) == first);
  CHECK(round().empty());
  CHECK(round() == blocks{first});
}
