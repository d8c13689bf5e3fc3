#include "dbs/runtime/cache/s3_fifo.hpp"

#include "made_entry.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>

using namespace dbs::cache;
using namespace std::chrono_literals;

namespace {

/// Entries that are given to a policy under numbers.
struct policy_fixture {
  std::unique_ptr<eviction_policy> policy = make_s3_fifo();
  std::deque<made_entry> entries;
  coarse_clock::time_point now{1000ms};

  entry& insert(uint32_t number, const entry_meta& meta = {}) {
    // Hashes that are far from one another: ghosts are told apart by parts of them.
    auto& e = *entries.emplace_back(number * 2654435761U, "key", "", meta);
    policy->insert(e);
    return e;
  }

  uint32_t evict() { return policy->victim(now)->hash() * 244002641U; }
};

} // namespace

TEST_CASE_METHOD(policy_fixture, "S3-FIFO evicts those without hits in the order they came") {
  for (uint32_t i = 1; i <= 5; ++i)
    insert(i);
  CHECK(policy->count() == 5);
  for (uint32_t i = 1; i <= 5; ++i)
    CHECK(evict() == i);
  CHECK(policy->count() == 0);
  CHECK(policy->victim(now) == nullptr);
}

TEST_CASE_METHOD(policy_fixture, "two hits take an entry to the main queue, one does not") {
  auto& twice = insert(1);
  auto& once = insert(2);
  insert(3);
  twice.touch();
  twice.touch();
  once.touch();
  CHECK(evict() == 2);
  CHECK((twice.where == entry_place::main));
  CHECK(evict() == 3);
  CHECK(evict() == 1);
}

TEST_CASE_METHOD(policy_fixture, "a key that comes back soon goes to the main queue") {
  insert(1);
  insert(2);
  CHECK(evict() == 1);
  CHECK((insert(1).where == entry_place::main));
  CHECK((insert(3).where == entry_place::small));
}

TEST_CASE_METHOD(policy_fixture, "each hit in the main queue gives another turn") {
  insert(1);
  insert(2);
  CHECK(evict() == 1);
  CHECK(evict() == 2);
  insert(1).touch();
  insert(2);
  CHECK(evict() == 2);
  CHECK(evict() == 1);
}

TEST_CASE_METHOD(policy_fixture, "an entry that has expired goes whatever its hits") {
  auto& expired = insert(1, {{}, now, now, entry_kind::value});
  insert(2);
  expired.touch();
  expired.touch();
  CHECK(evict() == 1);
  CHECK((insert(1).where == entry_place::small));
}

TEST_CASE_METHOD(policy_fixture, "a copy takes the place of its entry, an erased one has none") {
  auto& first = insert(1);
  auto& second = insert(2);
  insert(3);
  made_entry copy{10 * 2654435761U};
  policy->replace(first, *copy);
  policy->erase(second);
  CHECK(policy->count() == 2);
  CHECK(evict() == 10);
  CHECK(evict() == 3);
}

TEST_CASE_METHOD(policy_fixture, "a victim is found soon, though all have been hit") {
  constexpr uint32_t many = 20'000;
  for (uint32_t i = 1; i <= many; ++i) {
    auto& e = insert(i);
    e.touch();
    e.touch();
  }
  REQUIRE(policy->victim(now) != nullptr);
  auto moved = std::count_if(entries.begin(), entries.end(),
                             [](const made_entry& e) { return e->where == entry_place::main; });
  CHECK(moved <= 4096);
  CHECK(policy->count() == many - 1);
}
