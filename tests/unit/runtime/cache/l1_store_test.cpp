#include "dbs/runtime/cache/l1_store.hpp"

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

using namespace dbs::cache;
using namespace std::chrono_literals;
using time_point = coarse_clock::time_point;

namespace {

struct store_fixture {
  std::atomic<int64_t> hand{1000};
  coarse_clock clock{hand};
  l1_store store{{.limits = {.entries = 100, .bytes = size_t{1} << 20},
                  .clock = clock,
                  .tombstone_ttl = 1000ms}};

  std::optional<std::string> get(std::string_view key) {
    std::string result;
    return store.find(key, result) ? std::optional{result} : std::nullopt;
  }

  static entry_meta with(version vers) { return {.vers = vers}; }

  void maintain() {
    while (store.maintain()) {
    }
  }
};

} // namespace

// -- values --------------------------------------------------------------------------

TEST_CASE_METHOD(store_fixture, "a value is there until it is erased") {
  CHECK(get("a") == std::nullopt);
  CHECK(store.put("a", "1") == l1_outcome::done);
  CHECK(get("a") == "1");
  CHECK(store.put("a", "2") == l1_outcome::done);
  CHECK(get("a") == "2");
  CHECK(store.erase("a"));
  CHECK(!store.erase("a"));
  CHECK(get("a") == std::nullopt);
}

TEST_CASE_METHOD(store_fixture, "a reader sees the value and what is known of it") {
  entry_meta meta{{3, 4}, clock.now() + 5s, clock.now() + 10s, entry_kind::negative};
  store.put("a", "no such user", meta);
  auto calls = 0;
  auto there = store.read("a", [&](const l1_view& view) {
    ++calls;
    CHECK(view.value == "no such user");
    CHECK(view.meta.vers == version{3, 4});
    CHECK(view.meta.soft == meta.soft);
    CHECK(view.meta.hard == meta.hard);
    CHECK(view.meta.kind == entry_kind::negative);
    CHECK(!view.stale);
  });
  CHECK(there);
  CHECK(!store.read("b", [&](const l1_view&) { ++calls; }));
  CHECK(calls == 1);
  std::string value;
  entry_meta found;
  CHECK(store.find("a", value, &found));
  CHECK(found.vers == version{3, 4});
}

TEST_CASE_METHOD(store_fixture, "what is too large is not stored, and the older is gone") {
  store.put("a", "small", with({1, 1}));
  CHECK(store.put("a", std::string(300'000, 'x'), with({1, 3})) == l1_outcome::too_large);
  CHECK(get("a") == std::nullopt);
  CHECK(store.put("a", "late", with({1, 2})) == l1_outcome::older);
  CHECK(store.put("a", "fits", with({1, 3})) == l1_outcome::done);
  CHECK(store.put(std::string(70'000, 'k'), "v") == l1_outcome::too_large);
  CHECK(store.put("b", std::string(200'000, 'x')) == l1_outcome::done);
  CHECK(get("b")->size() == 200'000);
  CHECK(store.stats().refused_too_large == 2);
}

TEST_CASE_METHOD(store_fixture, "all keys with a prefix are erased, and no others") {
  for (auto i = 0; i < 20; ++i) {
    store.put("user:" + std::to_string(i), "u");
    store.put("item:" + std::to_string(i), "i");
  }
  CHECK(store.erase_prefix("user:") == 20);
  CHECK(get("user:7") == std::nullopt);
  CHECK(get("item:7") == "i");
  CHECK(store.erase_prefix("") == 20);
  CHECK(store.stats().entries == 0);
}

TEST_CASE("a number of shards that is none is refused") {
  CHECK_THROWS_AS(l1_store({.shards = 3}), std::invalid_argument);
  CHECK_THROWS_AS(l1_store({.shards = 512}), std::invalid_argument);
}

TEST_CASE("shards are as many as the entries are worth, unless one says how many") {
  auto shards = [](size_t entries, size_t bytes, size_t wanted) {
    return l1_store{{.limits = {entries, bytes}, .shards = wanted}}.shard_count();
  };
  CHECK(shards(10, 64 << 20, 0) == 1);
  CHECK(shards(1000, 64 << 20, 0) == 8);
  CHECK(shards(1'000'000, size_t{1} << 30, 0) == 64);
  CHECK(shards(1'000'000, 4 << 20, 0) == 4);
  CHECK(shards(10, 64 << 20, 16) == 16);
}

// -- time ----------------------------------------------------------------------------

TEST_CASE_METHOD(store_fixture, "a value is fresh, then stale, then gone") {
  store.put("a", "1", {{}, time_point{2000ms}, time_point{3000ms}, entry_kind::value});
  auto stale = [this]() -> std::optional<bool> {
    std::optional<bool> result;
    store.read("a", [&](const l1_view& view) { result = view.stale; });
    return result;
  };
  hand = 1999;
  CHECK(stale() == false);
  hand = 2000;
  CHECK(stale() == true);
  hand = 2999;
  CHECK(stale() == true);
  hand = 3000;
  CHECK(stale() == std::nullopt);
  auto s = store.stats();
  CHECK(s.hits == 1);
  CHECK(s.stale_hits == 2);
  CHECK(s.misses == 1);
}

TEST_CASE_METHOD(store_fixture, "maintenance takes out what has expired") {
  for (auto i = 0; i < 90; ++i)
    store.put(std::to_string(i), "x",
              {.hard = i % 3 == 0 ? time_point{2000ms} : time_point::max()});
  hand = 2000;
  maintain();
  auto s = store.stats();
  CHECK(s.entries == 60);
  CHECK(s.expired == 30);
  CHECK(get("1") == "x");
}

TEST_CASE("the kernel's coarse clock goes on") {
  coarse_clock clock;
  auto began = clock.now();
  CHECK(began.time_since_epoch() > 0ms);
  while (clock.now() == began)
    std::this_thread::yield();
  CHECK(clock.now() > began);
}

// -- versions ------------------------------------------------------------------------

TEST_CASE_METHOD(store_fixture, "nothing older replaces what is there") {
  CHECK(store.put("a", "new", with({2, 5})) == l1_outcome::done);
  CHECK(store.put("a", "old", with({2, 4})) == l1_outcome::older);
  CHECK(store.put("a", "old owner", with({1, 9})) == l1_outcome::older);
  CHECK(store.put("a", "no version") == l1_outcome::older);
  CHECK(get("a") == "new");
  CHECK(store.put("a", "same", with({2, 5})) == l1_outcome::done);
  CHECK(get("a") == "same");
  CHECK(store.put("a", "new owner", with({3, 0})) == l1_outcome::done);
  CHECK(get("a") == "new owner");
  CHECK(store.stats().refused_older == 3);
}

TEST_CASE_METHOD(store_fixture, "an older load cannot come back after an erasure") {
  store.put("a", "1", with({1, 1}));
  CHECK(store.erase("a", {1, 3}) == l1_outcome::done);
  CHECK(get("a") == std::nullopt);
  CHECK(store.put("a", "2", with({1, 2})) == l1_outcome::older);
  CHECK(store.put("a", "3", with({1, 3})) == l1_outcome::done);
  CHECK(get("a") == "3");
}

TEST_CASE_METHOD(store_fixture, "an older erasure does not touch what is newer") {
  store.put("a", "1", with({1, 5}));
  CHECK(store.erase("a", {1, 4}) == l1_outcome::older);
  CHECK(get("a") == "1");
  CHECK(store.erase("a", {1, 5}) == l1_outcome::done);
  CHECK(store.erase("a", {1, 4}) == l1_outcome::older);
}

TEST_CASE_METHOD(store_fixture, "a tombstone lives for its time") {
  store.erase("a", {1, 3});
  hand += 999;
  CHECK(store.put("a", "old", with({1, 2})) == l1_outcome::older);
  hand += 1;
  CHECK(store.put("a", "old", with({1, 2})) == l1_outcome::done);
  store.erase("b", {1, 3});
  CHECK(store.stats().tombstones == 1);
  hand += 1000;
  maintain();
  CHECK(store.stats().tombstones == 0);
}

TEST_CASE_METHOD(store_fixture, "an erasure without a version leaves a tombstone alone") {
  store.erase("a", {1, 3});
  CHECK(!store.erase("a"));
  CHECK(store.erase_prefix("") == 0);
  CHECK(store.put("a", "old", with({1, 2})) == l1_outcome::older);
}

TEST_CASE_METHOD(store_fixture, "tombstones are bounded, and none is forgotten before its time") {
  for (uint64_t i = 0; i < 10'000; ++i)
    CHECK(store.erase(std::to_string(i), {1, 10}) == l1_outcome::done);
  CHECK(store.stats().tombstones <= 1024);
  for (uint64_t i = 0; i < 10'000; ++i)
    CHECK(store.put(std::to_string(i), "old", with({1, 9})) == l1_outcome::older);
  CHECK(store.put("7", "new", with({1, 10})) == l1_outcome::done);
  hand += 1000;
  CHECK(store.put("8", "later", with({1, 9})) == l1_outcome::done);
}

// -- limits --------------------------------------------------------------------------

TEST_CASE_METHOD(store_fixture, "there are never more entries than the limit") {
  for (auto i = 0; i < 5000; ++i) {
    CHECK(store.put(std::to_string(i), "x") == l1_outcome::done);
    REQUIRE(store.stats().entries <= 100);
  }
  CHECK(store.stats().entries == 100);
  CHECK(store.stats().evicted == 4900);
}

TEST_CASE_METHOD(store_fixture, "what is used stays, what is not goes") {
  for (auto i = 0; i < 50; ++i) {
    store.put("hot" + std::to_string(i), "x");
    get("hot" + std::to_string(i));
    get("hot" + std::to_string(i));
  }
  for (auto i = 0; i < 10'000; ++i)
    store.put("scan" + std::to_string(i), "x");
  auto stayed = 0;
  for (auto i = 0; i < 50; ++i)
    stayed += get("hot" + std::to_string(i)) ? 1 : 0;
  CHECK(stayed >= 45);
}

TEST_CASE("a larger store keeps what it has, a smaller one what it can") {
  l1_store store{{.limits = {.entries = 1000, .bytes = 32 << 20}}};
  auto fill = [&store](int from, int to) {
    for (auto i = from; i < to; ++i)
      REQUIRE(store.put(std::to_string(i), std::to_string(i)) == l1_outcome::done);
  };
  auto all_right = [&store] {
    size_t found = 0;
    std::string value;
    for (auto i = 0; i < 20'000; ++i)
      if (store.find(std::to_string(i), value)) {
        ++found;
        CHECK(value == std::to_string(i));
      }
    return found;
  };
  fill(0, 1000);
  auto before = all_right();
  CHECK(before > 900);
  store.resize({.entries = 100'000, .bytes = 32 << 20});
  CHECK(store.limits().entries == 100'000);
  CHECK(all_right() == before);
  fill(0, 20'000);
  CHECK(all_right() == 20'000);
  store.resize({.entries = 500, .bytes = 32 << 20});
  // Before it is smaller, puts go on.
  fill(0, 10);
  while (store.maintain(100)) {
  }
  CHECK(store.stats().entries == 500);
  CHECK(all_right() == 500);
}

TEST_CASE("what a read holds on to makes a put fail, not wait, and that passes") {
  l1_store store{{.limits = {.entries = 100'000, .bytes = 256 << 10}, .shards = 1}};
  store.put("held", "value");
  auto busy = 0;
  store.read("held", [&](const l1_view& view) {
    // Of another thread: a reader must not call the store.
    std::thread{[&] {
      for (auto i = 0; i < 5000; ++i)
        busy += store.put(std::to_string(i), std::string(200, 'x')) == l1_outcome::busy ? 1 : 0;
    }}.join();
    CHECK(view.value == "value");
  });
  CHECK(busy > 0);
  CHECK(store.stats().refused_busy == static_cast<uint64_t>(busy));
  CHECK(store.stats().bytes <= 256 << 10);
  CHECK(store.put("after", "x") == l1_outcome::done);
}
