#include "dbs/runtime/cache/internal/entry_index.hpp"

#include "made_entry.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <string>

using namespace dbs::cache;

namespace {

struct index_fixture {
  l1_pages pages{page_bytes};
  reader_slots readers;
  entry_index index{reserved(), readers};

  l1_pages& reserved() {
    pages.reserve(size_t{8} << 20);
    return pages;
  }

  /// An entry under `hash`, which need not be one of its key.
  made_entry insert(uint64_t hash, const std::string& key) {
    made_entry e{entry_index::place(hash), key};
    if (auto bytes = index.growth(0); bytes > 0)
      REQUIRE(index.rebuild(bytes));
    index.insert(hash, *e);
    return e;
  }

  const entry* find(uint64_t hash, const std::string& key) const {
    auto settled = false;
    auto* result = index.find(hash, key, settled);
    CHECK(settled);
    CHECK(result == index.find(hash, key));
    return result;
  }
};

} // namespace

TEST_CASE_METHOD(index_fixture, "keys are found by hash and bytes") {
  auto a = insert(1, "a");
  auto same_hash = insert(1, "b");
  auto same_place = insert(uint64_t{1} << 32 | 1, "c");
  CHECK(find(1, "a") == &*a);
  CHECK(find(1, "b") == &*same_hash);
  CHECK(find(uint64_t{1} << 32 | 1, "c") == &*same_place);
  CHECK(find(1, "c") == nullptr);
  CHECK(find(2, "a") == nullptr);
}

TEST_CASE_METHOD(index_fixture, "an index does what a map does") {
  std::mt19937_64 random{1};
  std::map<std::string, std::pair<uint64_t, made_entry>> model;
  for (auto step = 0; step < 30'000; ++step) {
    auto number = random() % 2000;
    auto key = std::to_string(number);
    // A few places only, the last one among them, so that there are long runs of slots
    // that go over the end of the table.
    auto hash = (number % 7 == 0 ? UINT32_MAX : number % 50 << 26) | number % 3 << 32;
    auto at = model.find(key);
    if (at == model.end()) {
      model.emplace(key, std::pair{hash, insert(hash, key)});
    } else if (random() % 4 == 0) {
      made_entry copy{entry_index::place(hash), key};
      index.replace(*at->second.second, *copy);
      at->second.second = std::move(copy);
    } else {
      index.erase(*at->second.second);
      model.erase(at);
    }
    REQUIRE(index.count() == model.size());
    if (step % 1000 == 0) {
      for (auto& [k, x] : model)
        REQUIRE(find(x.first, k) == &*x.second);
      size_t walked = 0;
      for (size_t i = 0; i < index.slot_count(); ++i)
        walked += index.at(i) != nullptr ? 1 : 0;
      REQUIRE(walked == model.size());
    }
  }
}

TEST_CASE_METHOD(index_fixture, "an old table stays as long as it is read") {
  std::vector<made_entry> entries;
  auto hash = [](uint64_t i) { return i * 0x9e3779b97f4a7c15; };
  auto size = index.memory_bytes();
  {
    reader_slots::pin pinned{readers, *readers.mine()};
    while (!index.reclaimable())
      entries.push_back(insert(hash(entries.size()), std::to_string(entries.size())));
    index.reclaim(readers.oldest_reader());
    CHECK(index.reclaimable());
    CHECK(index.memory_bytes() > 2 * size);
  }
  index.reclaim(readers.oldest_reader());
  CHECK(!index.reclaimable());
  for (uint64_t i = 0; i < entries.size(); ++i)
    REQUIRE(find(hash(i), std::to_string(i)) == &*entries[i]);
}

TEST_CASE_METHOD(index_fixture, "a table grows to the expected size at once if that is near") {
  CHECK(index.growth(600) == 0);
  std::vector<made_entry> entries;
  while (entries.size() < 5000 || index.growth(0) == 0)
    entries.push_back(insert(entries.size() << 18, std::to_string(entries.size())));
  auto now = entries.size();
  auto unknown = index.growth(0);
  CHECK(index.growth(now + now / 2 + 500) > unknown);
  CHECK(index.growth(now * 100) == unknown);
}

TEST_CASE_METHOD(index_fixture, "a table that is far too large can be made smaller") {
  std::vector<made_entry> entries;
  auto hash = [](uint64_t i) { return i * 0x9e3779b97f4a7c15; };
  while (entries.size() < 10'000)
    entries.push_back(insert(hash(entries.size()), std::to_string(entries.size())));
  index.reclaim(readers.oldest_reader());
  CHECK(index.shrinkage() == 0);
  for (size_t i = 1000; i < entries.size(); ++i)
    index.erase(*entries[i]);
  auto before = index.memory_bytes();
  REQUIRE(index.shrinkage() > 0);
  REQUIRE(index.rebuild(index.shrinkage()));
  index.reclaim(readers.oldest_reader());
  CHECK(index.memory_bytes() < before / 4);
  CHECK(index.shrinkage() == 0);
  for (uint64_t i = 0; i < 1000; ++i)
    REQUIRE(find(hash(i), std::to_string(i)) == &*entries[i]);
}
