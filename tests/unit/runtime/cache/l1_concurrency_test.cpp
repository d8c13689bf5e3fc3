// Readers without locks while others write, evict, move and resize. Most is found by the
// thread sanitizer; what is checked here is that no reader ever sees a wrong value, an older
// one than it has seen, or the bytes of two.
#include "dbs/runtime/cache/l1_store.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

using namespace dbs::cache;

namespace {

constexpr size_t key_count = 2000;

/// A value that says which it is in each of its words.
std::string value_of(size_t key, uint64_t sequence, size_t words) {
  std::string result;
  std::array<uint64_t, 2> word{key, sequence};
  for (size_t i = 0; i < words; ++i)
    result.append(reinterpret_cast<const char*>(word.data()), sizeof(word));
  return result;
}

/// The sequence number of a value, 0 if it is not whole or of another key.
uint64_t sequence_of(std::string_view value, size_t key) {
  std::array<uint64_t, 2> first{};
  if (value.size() < sizeof(first))
    return 0;
  std::memcpy(first.data(), value.data(), sizeof(first));
  return value == value_of(key, first[1], value.size() / sizeof(first)) && first[0] == key
             ? first[1]
             : 0;
}

std::string name_of(size_t key) {
  return "key:" + std::to_string(key);
}

} // namespace

TEST_CASE("readers see whole values that never get older, whatever writers do") {
  l1_store store{{.limits = {.entries = 1000, .bytes = size_t{2} << 20}, .shards = 2}};
  std::atomic<uint64_t> sequence{0};
  std::atomic<bool> stop{false};
  std::atomic<size_t> wrong{0};
  std::atomic<size_t> older{0};
  std::atomic<size_t> hits{0};

  auto read = [&](uint64_t seed) {
    std::mt19937_64 random{seed};
    std::vector<uint64_t> seen(key_count, 0);
    std::string value;
    entry_meta meta;
    while (!stop) {
      auto key = std::min(random() % key_count, random() % key_count);
      if (!store.find(name_of(key), value, &meta))
        continue;
      auto got = sequence_of(value, key);
      wrong += got == 0 || got != meta.vers.sequence ? 1 : 0;
      older += got < seen[key] ? 1 : 0;
      seen[key] = std::max(seen[key], got);
      hits.fetch_add(1, std::memory_order_relaxed);
    }
  };
  // Each has keys of its own: what one writes late could follow what was evicted.
  auto write = [&](uint64_t which) {
    std::mt19937_64 random{which};
    for (auto i = 0; i < 30'000; ++i) {
      auto key = random() % (key_count / 2) * 2 + which;
      auto mine = ++sequence;
      auto words = random() % (i % 50 == 0 ? 1000 : 20) + 1;
      if (random() % 8 == 0)
        store.erase(name_of(key), {0, mine});
      else
        store.put(name_of(key), value_of(key, mine, words), {.vers = {0, mine}});
    }
  };
  auto disturb = [&] {
    for (size_t i = 0; !stop; ++i) {
      store.resize({.entries = i % 2 == 0 ? size_t{300} : size_t{1500},
                    .bytes = i % 3 == 0 ? size_t{1} << 20 : size_t{2} << 20});
      while (store.maintain(100) && !stop) {
      }
      if (i % 10 == 0)
        store.erase_prefix("key:1");
    }
  };
  std::vector<std::thread> readers;
  readers.emplace_back(read, 1);
  readers.emplace_back(read, 2);
  readers.emplace_back(disturb);
  std::vector<std::thread> writers;
  writers.emplace_back(write, 0);
  writers.emplace_back(write, 1);
  for (auto& x : writers)
    x.join();
  stop = true;
  for (auto& x : readers)
    x.join();
  CHECK(wrong == 0);
  CHECK(older == 0);
  CHECK(hits > 0);
  auto s = store.stats();
  CHECK(s.hits == hits);
  CHECK(s.moved_bytes > 0);
}

TEST_CASE("of two writers of one key the newer wins, whoever comes last") {
  constexpr size_t keys = 50;
  l1_store store; // with room for all
  std::atomic<uint64_t> sequence{0};
  std::array<std::atomic<uint64_t>, keys> newest{};
  std::atomic<bool> stop{false};
  std::atomic<size_t> older{0};
  auto write = [&](uint64_t seed) {
    std::mt19937_64 random{seed};
    for (auto i = 0; i < 50'000; ++i) {
      auto key = random() % keys;
      auto mine = ++sequence;
      if (i % 4 == 0)
        std::this_thread::yield(); // the other one may be faster with a newer one
      store.put(name_of(key), value_of(key, mine, 1), {.vers = {0, mine}});
      for (auto seen = newest[key].load();
           seen < mine && !newest[key].compare_exchange_weak(seen, mine);) {
      }
    }
  };
  std::thread reader{[&] {
    std::array<uint64_t, keys> seen{};
    std::string value;
    for (size_t key = 0; !stop; key = (key + 1) % keys)
      if (store.find(name_of(key), value)) {
        auto got = sequence_of(value, key);
        older += got < seen[key] ? 1 : 0;
        seen[key] = got;
      }
  }};
  std::thread first{write, 1};
  std::thread second{write, 2};
  first.join();
  second.join();
  stop = true;
  reader.join();
  CHECK(older == 0);
  std::string value;
  for (size_t key = 0; key < keys; ++key) {
    REQUIRE(store.find(name_of(key), value));
    CHECK(sequence_of(value, key) == newest[key]);
  }
}

TEST_CASE("a key that is there is found, however many others come and go") {
  constexpr size_t groups = 37;
  constexpr size_t group_size = 10;
  l1_store store{{.limits = {.entries = 100'000, .bytes = size_t{64} << 20}, .shards = 1}};
  // The first table has 511 slots and is left at 383 entries: long runs of full slots.
  std::vector<std::string> kept;
  for (size_t i = 0; i < groups * group_size; ++i) {
    kept.push_back("kept:" + std::to_string(i));
    store.put(kept.back(), kept.back());
  }
  // One group after the other is taken out, and put back behind others; when these go,
  // it moves. Meanwhile the group is not looked for.
  std::atomic<size_t> phase{0};
  std::atomic<bool> stop{false};
  std::atomic<size_t> missed{0};
  auto read = [&] {
    std::string value;
    for (size_t i = 0; !stop; i = (i + 1) % kept.size()) {
      auto before = phase.load();
      if (before % groups == i / group_size)
        continue;
      auto found = store.find(kept[i], value) && value == kept[i];
      missed += found || phase.load() != before ? 0 : 1;
    }
  };
  std::vector<std::thread> readers;
  readers.emplace_back(read);
  readers.emplace_back(read);
  auto others = [](size_t i) { return "other:" + std::to_string(i); };
  for (size_t round = 0; round < 20'000; ++round) {
    auto* group = &kept[phase % groups * group_size];
    for (size_t i = 0; i < group_size; ++i)
      store.erase(group[i]);
    for (size_t i = 0; i < group_size; ++i)
      store.put(others(i), "x");
    for (size_t i = 0; i < group_size; ++i)
      store.put(group[i], group[i]);
    ++phase;
    for (size_t i = 0; i < group_size; ++i)
      store.erase(others(i));
  }
  // The table grows, segments are cleaned.
  for (auto round = 0; round < 20; ++round) {
    for (size_t i = 0; i < 2000; ++i)
      store.put(others(i), std::string(100, 'x'));
    for (size_t i = 0; i < 2000; ++i)
      store.erase(others(i));
  }
  stop = true;
  for (auto& x : readers)
    x.join();
  CHECK(missed == 0);
}
