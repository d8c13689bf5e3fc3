// The limits of an L1 store when they change, and when entries are tiny.
#include "dbs/runtime/cache/l1_store.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>

using namespace dbs::cache;

TEST_CASE("the byte budget holds after each put, however tiny the entries are") {
  auto bytes = GENERATE(values<size_t>({40 << 10, 64 << 10, 150 << 10, 256 << 10, 1 << 20}));
  CAPTURE(bytes);
  l1_store store{{.limits = {.entries = 1'000'000, .bytes = bytes}, .shards = 1}};
  size_t refused = 0;
  for (size_t i = 0; i < 3 * bytes / 64; ++i) {
    refused += store.put(std::to_string(i), "") == l1_outcome::done ? 0 : 1;
    REQUIRE(store.stats().bytes <= bytes);
  }
  CHECK(refused == 0);
  // Of about 64 bytes, with their places in the table.
  CHECK(store.stats().entries > bytes / 64 / 4);
}

TEST_CASE("a table does not grow beyond the budget while readers hold on to memory") {
  constexpr size_t bytes = 1 << 20;
  auto held = GENERATE(range(50, 450, 10)); // times 2 KB
  CAPTURE(held);
  l1_store store{{.limits = {.entries = 1'000'000, .bytes = bytes}, .shards = 1}};
  for (auto i = 0; i < held; ++i)
    store.put("large" + std::to_string(i), std::string(2000, 'x'));
  store.put("read", "x");
  size_t most = 0;
  REQUIRE(store.read("read", [&](const l1_view&) {
    // What goes now cannot be given back while this reader is there.
    std::thread{[&] {
      store.erase_prefix("large");
      for (auto i = 0; i < 12'000; ++i) {
        store.put(std::to_string(i), "");
        most = std::max(most, store.stats().bytes);
      }
    }}.join();
  }));
  CHECK(most <= bytes + bytes / 20); // what a store may take beyond its budget
}

TEST_CASE("a store whose entries become tiny holds more of them") {
  l1_store store{{.limits = {.entries = 1'000'000, .bytes = 1 << 20}, .shards = 1}};
  size_t i = 0;
  auto fill = [&](size_t size) {
    for (auto end = i + 30'000; i < end; ++i)
      REQUIRE(store.put(std::to_string(i), std::string(size, 'x')) == l1_outcome::done);
    return store.stats().entries;
  };
  auto before = fill(2000);
  CHECK(fill(10) > 5 * before);
  CHECK(store.stats().bytes <= 1 << 20);
}

TEST_CASE("a store that got a much smaller budget takes puts again without maintenance") {
  constexpr size_t before = size_t{8} << 20;
  constexpr size_t after = before / 8;
  l1_store store{{.limits = {.entries = 1'000'000, .bytes = before}, .shards = 1}};
  for (size_t i = 0; i < 60'000; ++i)
    REQUIRE(store.put(std::to_string(i), "") == l1_outcome::done);
  store.resize({.entries = 1'000'000, .bytes = after});
  size_t refused = 0;
  for (size_t i = 0; i < 5000; ++i)
    refused += store.put("new" + std::to_string(i), "x") == l1_outcome::done ? 0 : 1;
  CHECK(refused == 0);
  CHECK(store.stats().bytes <= after);
  CHECK(store.stats().entries > 1000);
}

TEST_CASE("a store grows far beyond what it was made with") {
  l1_store store{{.limits = {.entries = 1'000'000, .bytes = 1 << 20}, .shards = 2}};
  store.resize({.entries = 1'000'000, .bytes = 64 << 20});
  for (size_t i = 0; i < 5000; ++i)
    REQUIRE(store.put(std::to_string(i), std::string(10'000, 'x')) == l1_outcome::done);
  CHECK(store.stats().entries > 4500);
  CHECK_THROWS_AS(store.resize({.entries = 1, .bytes = SIZE_MAX / 2}), std::invalid_argument);
  CHECK(store.limits().bytes == 64 << 20);
  CHECK(store.stats().entries > 4500);
}

TEST_CASE("two that change the limits at once leave those of one") {
  l1_store store{{.limits = {.entries = 2048, .bytes = 64 << 20}, .shards = 256}};
  for (auto round = 0; round < 200; ++round) {
    std::atomic<int> there{0};
    auto change = [&](size_t entries) {
      for (++there; there < 2;) {
        // a barrier would wake one of them too late to meet the other
      }
      store.resize({.entries = entries, .bytes = 64 << 20});
    };
    std::thread other{change, 256};
    change(512);
    other.join();
    store.erase_prefix("");
    for (auto i = 0; i < 8000; ++i)
      store.put(std::to_string(i), "x");
    REQUIRE(store.stats().entries == store.limits().entries);
  }
}

TEST_CASE("a shard keeps one entry at least") {
  l1_store store{{.limits = {.entries = 10, .bytes = 64 << 20}, .shards = 64}};
  for (auto i = 0; i < 5000; ++i)
    store.put(std::to_string(i), "x");
  CHECK(store.stats().entries == 64);
}
