// The store against a map that does the same slowly.
#include "dbs/runtime/cache/l1_store.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>

using namespace dbs::cache;
using namespace std::chrono_literals;
using time_point = coarse_clock::time_point;

namespace {

constexpr auto tombstone_ttl = 500ms;

/// All rules but eviction.
class model {
public:
  struct item {
    std::string value;
    entry_meta meta;
  };

  l1_outcome put(const std::string& key, const std::string& value, const entry_meta& meta,
                 time_point now) {
    if (is_older(key, meta.vers, now))
      return l1_outcome::older;
    items_[key] = {value, meta};
    return l1_outcome::done;
  }

  l1_outcome erase(const std::string& key, const version& vers, time_point now) {
    if (is_older(key, vers, now))
      return l1_outcome::older;
    items_.erase(key);
    erased_[key] = {vers, now + tombstone_ttl};
    return l1_outcome::done;
  }

  bool erase(const std::string& key) { return items_.erase(key) > 0; }

  const item* find(const std::string& key, time_point now) const {
    auto found = items_.find(key);
    return found != items_.end() && now < found->second.meta.hard ? &found->second : nullptr;
  }

private:
  struct erasure {
    version vers;
    time_point until;
  };

  /// An expired value counts until it is taken out.
  bool is_older(const std::string& key, const version& vers, time_point now) const {
    if (auto there = items_.find(key); there != items_.end())
      return vers < there->second.meta.vers;
    auto gone = erased_.find(key);
    return gone != erased_.end() && now < gone->second.until && vers < gone->second.vers;
  }

  std::map<std::string, item> items_;
  std::map<std::string, erasure> erased_;
};

class random_step {
public:
  explicit random_step(uint64_t seed) : random_(seed) {}

  uint64_t below(uint64_t n) { return random_() % n; }
  std::string key() { return "key" + std::to_string(below(300)); }
  std::string value() { return std::string(below(below(20) == 0 ? 40'000 : 200), 'v') + key(); }

  entry_meta meta(time_point now) {
    entry_meta result{.vers = {below(2), below(1000)}};
    if (below(2) == 0) {
      result.hard = now + std::chrono::milliseconds{below(1000)};
      result.soft = now + std::chrono::milliseconds{below(500)};
    }
    if (below(10) == 0)
      result.kind = entry_kind::negative;
    return result;
  }

private:
  std::mt19937_64 random_;
};

} // namespace

TEST_CASE("a store with room for all does what a map does") {
  auto seed = GENERATE(range(1, 6));
  CAPTURE(seed);
  std::atomic<int64_t> hand{1000};
  coarse_clock clock{hand};
  l1_store store{{.limits = {.entries = 20'000, .bytes = 64 << 20},
                  .shards = 4,
                  .clock = clock,
                  .tombstone_ttl = tombstone_ttl}};
  model reference;
  random_step random{static_cast<uint64_t>(seed)};
  for (auto step = 0; step < 20'000; ++step) {
    auto now = clock.now();
    auto key = random.key();
    CAPTURE(step, key);
    switch (random.below(8)) {
    case 0:
    case 1:
    case 2: {
      auto value = random.value();
      auto meta = random.meta(now);
      REQUIRE(store.put(key, value, meta) == reference.put(key, value, meta, now));
      break;
    }
    case 3: {
      version vers{random.below(2), random.below(1000)};
      REQUIRE(store.erase(key, vers) == reference.erase(key, vers, now));
      break;
    }
    case 4:
      REQUIRE(store.erase(key) == reference.erase(key));
      break;
    default: {
      std::string value;
      entry_meta meta;
      auto* expected = reference.find(key, now);
      REQUIRE(store.find(key, value, &meta) == (expected != nullptr));
      if (expected != nullptr) {
        REQUIRE(value == expected->value);
        REQUIRE(meta.vers == expected->meta.vers);
        REQUIRE(meta.hard == expected->meta.hard);
        REQUIRE(meta.kind == expected->meta.kind);
      }
    }
    }
    if (random.below(10) == 0)
      hand += static_cast<int64_t>(random.below(50));
  }
}

TEST_CASE("a store that is full shows the last value that was put, or none") {
  auto seed = GENERATE(range(1, 6));
  CAPTURE(seed);
  constexpr size_t bytes = size_t{512} << 10;
  l1_store store{{.limits = {.entries = 200, .bytes = bytes}, .shards = 2}};
  std::map<std::string, std::string> last;
  random_step random{static_cast<uint64_t>(seed)};
  uint64_t sequence = 0;
  size_t hits = 0;
  for (auto step = 0; step < 30'000; ++step) {
    auto key = random.key();
    CAPTURE(step, key);
    switch (random.below(5)) {
    case 0: {
      auto value = random.value();
      auto meta = entry_meta{.vers = {1, ++sequence}};
      // What could not be stored must not leave the value before it there.
      if (store.put(key, value, meta) == l1_outcome::done)
        last[key] = value;
      else
        last.erase(key);
      break;
    }
    case 1:
      store.erase(key, {1, ++sequence});
      last.erase(key);
      break;
    default: {
      std::string value;
      if (store.find(key, value)) {
        ++hits;
        REQUIRE(last.count(key) == 1);
        REQUIRE(value == last[key]);
      }
    }
    }
    auto s = store.stats();
    REQUIRE(s.entries <= 200);
    REQUIRE(s.bytes <= bytes);
    if (step == 15'000)
      store.resize({.entries = 50, .bytes = bytes});
    if (step == 16'000) {
      while (store.maintain()) {
      }
      store.resize({.entries = 200, .bytes = bytes});
    }
  }
  CHECK(hits > 1000);
}
