// What a store really takes of the machine's memory.
#include "dbs/runtime/cache/l1_store.hpp"

#include "process_memory.hpp"
#include "sanitized.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>

using namespace dbs::cache;
using namespace dbs::tests;

namespace {

/// Until it has looked at every block of its memory twice.
void maintain(l1_store& store) {
  for (auto round = 0; round < 3; ++round)
    while (store.maintain()) {
    }
}

struct sizes {
  const char* name;
  std::function<size_t(std::mt19937&)> draw;
};

} // namespace

TEST_CASE("resident memory grows by the byte budget and no more than 5 % beyond") {
  auto which = GENERATE(values<sizes>({
      {"small", [](auto& random) { return random() % 100; }},
      {"mixed", [](auto& random) { return random() % 4000; }},
      {"large", [](auto& random) { return random() % 60'000; }},
      {"now and then large", [](auto& random) { return random() % 50 == 0 ? 40'000U : 50U; }},
  }));
  CAPTURE(which.name);
  constexpr size_t budget = size_t{64} << 20;
  std::mt19937 random{1};
  std::string value(60'000, 'x');
  auto before = resident_bytes();
  l1_store store{{.limits = {.entries = 10'000'000, .bytes = budget}}};
  size_t written = 0;
  size_t puts = 0;
  size_t refused = 0;
  size_t most = 0;
  auto write = [&] {
    for (auto i = 0; written < 6 * budget; ++i) {
      auto size = which.draw(random);
      auto key = "key:" + std::to_string(random() % 5'000'000);
      refused += store.put(key, {value.data(), size}) == l1_outcome::done ? 0 : 1;
      ++puts;
      written += size + 100;
      if (i % 10'000 == 0)
        most = std::max(most, resident_growth(before));
    }
  };
  write();
  // Memory that one thread has filled serves another as well.
  written = 0;
  std::thread{write}.join();
  most = std::max(most, resident_growth(before));
  auto s = store.stats();
  // Where large entries push out small ones, holes are not always closed in time.
  CHECK(refused * 10'000 <= puts);
  CHECK(s.bytes <= budget);
  CHECK(s.bytes > budget / 2);
  if (!sanitized) {
    CHECK(most <= budget + budget / 20);
    CHECK(most > budget / 2);
    maintain(store);
    CHECK(resident_growth(before) <= budget + budget / 20);
    store.resize({.entries = 10'000'000, .bytes = budget / 8});
    maintain(store);
    CHECK(resident_growth(before) <= budget / 8 + budget / 20);
  }
}

TEST_CASE("an entry takes at most 96 bytes more than its key and value") {
  if (sanitized)
    SKIP("sanitizers take memory of their own");
  constexpr size_t entries = 300'000;
  constexpr size_t content = 20 + 100;
  auto before = resident_bytes();
  l1_store store{{.limits = {.entries = entries, .bytes = size_t{128} << 20}}};
  std::string value(100, 'x');
  auto key = [](size_t i) {
    auto digits = std::to_string(i);
    return "key:" + std::string(16 - digits.size(), '0') + digits;
  };
  // Twice as many as there is room for, so that memory has been used again.
  for (size_t i = 0; i < 2 * entries; ++i)
    store.put(key(i), value);
  CHECK(store.stats().entries > entries * 99 / 100);
  CHECK(resident_growth(before) / entries <= content + 96);
}

TEST_CASE("a large store lies on huge pages, also after it was small") {
  if (sanitized)
    SKIP("sanitizers take memory of their own");
  constexpr size_t budget = size_t{64} << 20;
  auto before = all_memory().on_huge_pages;
  l1_store store{{.limits = {.entries = 1'000'000, .bytes = budget}}};
  auto fill = [&] {
    for (size_t i = 0; i < 600'000; ++i)
      store.put("key:" + std::to_string(i), std::string(100, 'x'));
    maintain(store);
    return all_memory().on_huge_pages - before;
  };
  auto most = fill();
  CHECK(most <= store.stats().bytes);
  store.resize({.entries = 1'000'000, .bytes = budget / 8});
  maintain(store);
  CHECK(all_memory().on_huge_pages - before <= budget / 8);
  store.resize({.entries = 1'000'000, .bytes = budget});
  auto again = fill();
  if (!has_huge_pages())
    SKIP("no huge pages here: MADV_COLLAPSE is refused");
  CHECK(most > budget * 3 / 4);
  // Segments that have made room for tables leave gaps.
  CHECK(again > budget / 2);
}

TEST_CASE("a small store takes no huge page") {
  if (sanitized)
    SKIP("sanitizers take memory of their own");
  auto before = resident_bytes();
  auto huge_before = all_memory().on_huge_pages;
  l1_store store;
  for (size_t i = 0; i < 3000; ++i)
    store.put("key:" + std::to_string(i), std::string(100, 'x'));
  maintain(store);
  CHECK(store.stats().bytes < huge_page_bytes);
  CHECK(resident_growth(before) < huge_page_bytes); // code that runs for the first time counts, too
  CHECK(all_memory().on_huge_pages == huge_before);
}
