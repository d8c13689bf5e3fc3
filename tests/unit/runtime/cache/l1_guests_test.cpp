// What others bring into an L1 store: readers that throw or end, and policies.
#include "dbs/runtime/cache/l1_store.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace dbs::cache;
using namespace std::chrono_literals;

namespace {

/// The first in is the first out; needs nothing of the entries but their addresses.
class plain_fifo final : public eviction_policy {
public:
  plain_fifo() { entries_.reserve(100'000); }

  void insert(entry& e) noexcept override { entries_.push_back(&e); }

  void erase(entry& e) noexcept override { entries_.erase(place_of(e)); }

  void replace(entry& old, entry& by) noexcept override { *place_of(old) = &by; }

  entry* victim(coarse_clock::time_point) noexcept override {
    if (entries_.empty())
      return nullptr;
    auto* result = entries_.front();
    entries_.erase(entries_.begin());
    return result;
  }

  size_t count() const noexcept override { return entries_.size(); }
  size_t memory_bytes() const noexcept override { return 0; }

private:
  std::vector<entry*>::iterator place_of(entry& e) noexcept {
    return std::find(entries_.begin(), entries_.end(), &e);
  }

  std::vector<entry*> entries_;
};

struct reads_at_its_end {
  l1_store* store = nullptr;
  bool* found = nullptr;

  ~reads_at_its_end() {
    std::string value;
    *found = store != nullptr && store->find("a", value) && value == "1";
  }
};

} // namespace

TEST_CASE("a reader that throws lets go of what it has read") {
  l1_store store{{.limits = {.entries = 100'000, .bytes = 256 << 10}, .shards = 1}};
  store.put("a", "1");
  CHECK_THROWS_AS(store.read("a", [](const l1_view&) { throw std::runtime_error{"no"}; }),
                  std::runtime_error);
  for (auto i = 0; i < 5000; ++i)
    REQUIRE(store.put(std::to_string(i), std::string(200, 'x')) == l1_outcome::done);
}

TEST_CASE("a thread that is about to end reads as any other") {
  l1_store store;
  store.put("a", "1");
  auto found = false;
  std::thread{[&] {
    // Made before the thread has read, and so destroyed after it has given up its slot.
    thread_local reads_at_its_end last;
    last.store = &store;
    last.found = &found;
    std::string value;
    CHECK(store.find("a", value));
  }}.join();
  CHECK(found);
  CHECK(store.stats().hits == 2);
}

TEST_CASE("a policy may keep its entries as it likes") {
  l1_store store{{.limits = {.entries = 500, .bytes = 512 << 10}, .shards = 1, .policy = [] {
                    return std::make_unique<plain_fifo>();
                  }}};
  std::string value;
  for (size_t i = 0; i < 20'000; ++i) {
    REQUIRE(store.put(std::to_string(i), std::string(i % 1500, 'x') + std::to_string(i)) ==
            l1_outcome::done);
    if (i % 3 == 0 && i > 50) {
      auto which = i - i % 50;
      if (store.find(std::to_string(which), value))
        REQUIRE(value == std::string(which % 1500, 'x') + std::to_string(which));
    }
    if (i % 7 == 0)
      store.erase(std::to_string(i));
  }
  auto s = store.stats();
  CHECK(s.moved_bytes > 0);
  CHECK(s.entries > 100);
  size_t found = 0;
  for (size_t i = 0; i < 20'000; ++i)
    if (store.find(std::to_string(i), value)) {
      ++found;
      REQUIRE(value == std::string(i % 1500, 'x') + std::to_string(i));
    }
  CHECK(found == s.entries);
}

TEST_CASE("what a store cannot be made of is refused") {
  CHECK_THROWS_AS(l1_store({.tombstone_ttl = -1ms}), std::invalid_argument);
  CHECK_THROWS_AS(l1_store({.tombstone_ttl = std::chrono::milliseconds::max()}),
                  std::invalid_argument);
  CHECK_THROWS_AS(l1_store({.policy = nullptr}), std::invalid_argument);
  CHECK_THROWS_AS(l1_store({.policy = [] { return std::unique_ptr<eviction_policy>{}; }}),
                  std::invalid_argument);
  CHECK_THROWS_AS(l1_store({.limits = {.bytes = SIZE_MAX / 2}}), std::invalid_argument);
}
