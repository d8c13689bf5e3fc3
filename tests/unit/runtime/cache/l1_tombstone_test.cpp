// What an L1 store remembers of what was erased, whatever comes in between.
#include "dbs/runtime/cache/l1_store.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <thread>

using namespace dbs::cache;
using namespace std::chrono_literals;

namespace {

constexpr auto ttl = 1000ms;

struct tombstone_fixture {
  std::atomic<int64_t> hand{1000};
  coarse_clock clock{hand};
  l1_store store{{.limits = {.entries = 100, .bytes = size_t{1} << 20},
                  .shards = 1,
                  .clock = clock,
                  .tombstone_ttl = ttl}};

  l1_outcome put(std::string_view key, uint64_t sequence, size_t size = 1) {
    return store.put(key, std::string(size, 'x'), {.vers = {1, sequence}});
  }

  bool has(std::string_view key) {
    std::string value;
    return store.find(key, value);
  }

  void maintain() {
    while (store.maintain()) {
    }
  }
};

} // namespace

TEST_CASE_METHOD(tombstone_fixture,
                 "an erasure is remembered when a newer value has come and gone") {
  CHECK(store.erase("a", {1, 10}) == l1_outcome::done);
  CHECK(put("a", 11) == l1_outcome::done);
  SECTION("by eviction") {
    for (auto i = 0; i < 1000; ++i)
      put("other" + std::to_string(i), 100);
  }
  SECTION("by expiry") {
    store.put("a", "x", {.vers = {1, 12}, .hard = clock.now() + 1ms});
    hand += 1;
    maintain();
  }
  SECTION("by an erasure without a version") {
    CHECK(store.erase("a"));
  }
  SECTION("by an erasure of a prefix") {
    CHECK(store.erase_prefix("a") == 1);
  }
  CHECK(!has("a"));
  CHECK(put("a", 9) == l1_outcome::older);
  CHECK(put("a", 10) == l1_outcome::done);
  store.erase("a");
  hand += 1000;
  CHECK(put("a", 9) == l1_outcome::done);
}

TEST_CASE_METHOD(tombstone_fixture, "nothing is remembered of what was evicted and never erased") {
  CHECK(put("a", 10) == l1_outcome::done);
  for (auto i = 0; i < 1000; ++i)
    put("other" + std::to_string(i), 100);
  CHECK(!has("a"));
  CHECK(put("a", 9) == l1_outcome::done);
}

TEST_CASE_METHOD(tombstone_fixture,
                 "a value that is too large does not close the shard to others") {
  CHECK(put("a", 10, 300'000) == l1_outcome::too_large);
  CHECK(put("a", 9) == l1_outcome::older);
  CHECK(put("b", 9) == l1_outcome::done);
  CHECK(store.put(std::string(70'000, 'k'), "x", {.vers = {1, 10}}) == l1_outcome::too_large);
  CHECK(put("c", 9) == l1_outcome::done);
  CHECK(store.stats().tombstones == 1);
}

TEST_CASE_METHOD(tombstone_fixture, "what is refused without a version closes nothing") {
  // So many that some are not remembered by themselves.
  for (auto i = 0; i < 5000; ++i)
    store.erase(std::to_string(i), {1, 10});
  CHECK(put("a", 9) == l1_outcome::older);
  hand += 600;
  CHECK(store.put("b", std::string(300'000, 'x')) == l1_outcome::too_large);
  hand += 400;
  CHECK(put("a", 9) == l1_outcome::done);
}

TEST_CASE_METHOD(tombstone_fixture, "tombstones that have expired do not close the shard again") {
  auto erase_many = [this](uint64_t sequence) {
    for (auto i = 0; i < 5000; ++i)
      CHECK(store.erase(std::to_string(i), {1, sequence}) == l1_outcome::done);
  };
  erase_many(100);
  CHECK(put("a", 99) == l1_outcome::older);
  hand += 1000;
  erase_many(10);
  CHECK(put("a", 9) == l1_outcome::older);
  CHECK(put("a", 50) == l1_outcome::done);
}

TEST_CASE_METHOD(tombstone_fixture, "tombstones take no more than a sixteenth of the memory") {
  for (auto i = 0; i < 50; ++i)
    put("value" + std::to_string(i), 1, 10'000);
  for (auto i = 0; i < 100; ++i)
    store.erase(std::string(60'000, 'k') + std::to_string(i), {1, 10});
  for (auto i = 0; i < 10'000; ++i)
    store.erase(std::to_string(i), {1, 10});
  CHECK(store.stats().tombstones >= 900);
  CHECK(store.stats().tombstones <= 1024);
  CHECK(store.stats().entries == 50);
}

TEST_CASE_METHOD(tombstone_fixture,
                 "what a reader holds on to does not make an erasure forgotten") {
  put("held", 1);
  store.read("held", [&](const l1_view&) {
    // Of another thread: a reader must not call the store.
    std::thread{[&] {
      for (auto i = 0; i < 3000; ++i)
        put("x" + std::to_string(i), 5, 1000);
      for (auto i = 0; i < 100; ++i)
        CHECK(store.erase(std::to_string(i), {1, 10}) == l1_outcome::done);
      for (auto i = 0; i < 100; ++i)
        CHECK(put(std::to_string(i), 9) == l1_outcome::older);
    }}.join();
  });
}

TEST_CASE("no version that is older than an erasure comes in, however full the store is") {
  auto seed = GENERATE(range(1, 6));
  CAPTURE(seed);
  struct erasure {
    version vers;
    coarse_clock::time_point until;
  };
  std::atomic<int64_t> hand{1000};
  coarse_clock clock{hand};
  l1_store store{{.limits = {.entries = 60, .bytes = size_t{256} << 10},
                  .shards = 2,
                  .clock = clock,
                  .tombstone_ttl = ttl}};
  std::map<std::string, erasure> erased;
  std::mt19937_64 random{static_cast<uint64_t>(seed)};
  size_t refused = 0;
  size_t stored = 0;
  for (auto step = 0; step < 40'000; ++step) {
    auto key = std::to_string(random() % 300);
    // Versions go on, and those who write are late.
    version vers{1, static_cast<uint64_t>(step) + 200 - random() % 200};
    auto remembered = [&](const version& v) {
      auto found = erased.find(key);
      return found != erased.end() && clock.now() < found->second.until && v < found->second.vers;
    };
    CAPTURE(step, key);
    switch (random() % 8) {
    case 0:
      if (store.erase(key, vers) == l1_outcome::done) {
        REQUIRE(!remembered(vers));
        erased[key] = {vers, clock.now() + ttl};
      }
      break;
    case 1:
      store.erase(key);
      break;
    case 2:
      if (random() % 50 == 0)
        store.erase_prefix(key.substr(0, 1));
      break;
    case 3: {
      std::string value;
      entry_meta meta;
      if (store.find(key, value, &meta))
        REQUIRE(!remembered(meta.vers));
      break;
    }
    default: {
      std::string value(random() % (random() % 30 == 0 ? 40'000 : 300), 'x');
      entry_meta meta{.vers = vers,
                      .hard = clock.now() + std::chrono::milliseconds{random() % 900}};
      switch (store.put(key, value, meta)) {
      case l1_outcome::done:
        REQUIRE(!remembered(vers));
        ++stored;
        break;
      case l1_outcome::older:
        ++refused;
        break;
      default:
        erased[key] = {vers, clock.now() + ttl};
      }
    }
    }
    hand += static_cast<int64_t>(random() % 10);
    if (random() % 100 == 0)
      store.maintain();
  }
  CHECK(stored > 10'000);
  CHECK(refused > 100);
}
