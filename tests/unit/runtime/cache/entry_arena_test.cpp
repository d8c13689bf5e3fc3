#include "dbs/runtime/cache/internal/entry_arena.hpp"

#include "dbs/runtime/cache/internal/pages.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <vector>

using namespace dbs::cache;

namespace {

constexpr size_t segment = size_t{16} << 10;

/// Values by number, each in an entry of an arena.
struct arena_fixture : entry_mover {
  l1_pages pages{segment};
  reader_slots readers;
  entry_arena arena{pages, readers, *this};
  std::map<std::string, entry*> entries;

  arena_fixture() { reserve(size_t{4} << 20); }

  void reserve(size_t bytes) {
    pages.reserve(bytes);
    arena.reserve(bytes);
  }

  void move(entry& from, entry& to) noexcept override { entries.at(std::string{from.key()}) = &to; }

  bool put(const std::string& key, const std::string& value, size_t limit) {
    auto* memory = arena.allocate(entry::bytes_for(key.size(), value.size()), limit);
    if (memory == nullptr)
      return false;
    entries.emplace(key, entry::make(memory, 0, key, value, {}));
    return true;
  }

  void release(std::map<std::string, entry*>::iterator at) {
    arena.release(*at->second);
    entries.erase(at);
  }
};

/// Of this process.
long mappings() {
  std::ifstream maps{"/proc/self/maps"};
  return std::count(std::istreambuf_iterator<char>{maps}, {}, '\n');
}

std::string value_for(size_t number, size_t size) {
  return std::string(size, static_cast<char>('a' + number % 26));
}

} // namespace

TEST_CASE_METHOD(arena_fixture, "an arena keeps within its limit, whatever sizes come and go") {
  constexpr size_t limit = size_t{1} << 20;
  std::mt19937 random{1};
  std::map<std::string, std::string> model;
  size_t refused = 0;
  for (size_t i = 0; i < 40'000; ++i) {
    auto key = std::to_string(i);
    // From time to time other sizes, of which some have segments of their own.
    auto value = value_for(i, random() % (i / 10'000 % 2 == 0 ? 300 : 9000));
    auto bytes = entry::bytes_for(key.size(), value.size());
    while (!arena.fits(bytes, limit)) {
      auto at = std::next(entries.begin(), random() % std::min<long>(50, std::ssize(entries)));
      model.erase(at->first);
      release(at);
    }
    if (put(key, value, limit))
      model.emplace(key, value);
    else
      ++refused;
    REQUIRE(arena.mapped_bytes() <= limit);
    if (i % 1000 == 0) {
      REQUIRE(entries.size() == model.size());
      for (auto& [k, e] : entries)
        REQUIRE(e->value() == model.at(k));
    }
  }
  CHECK(arena.moved_bytes() > 0);
  CHECK(refused < 400);
}

TEST_CASE_METHOD(arena_fixture, "what a reader may look at is not used again") {
  constexpr size_t limit = 16 * segment;
  REQUIRE(put("first", std::string(100, 'x'), limit));
  auto* e = entries.at("first");
  {
    reader_slots::pin pinned{readers, *readers.mine()};
    release(entries.begin());
    size_t i = 0;
    while (put(std::to_string(++i), std::string(1000, 'y'), limit))
      release(entries.begin());
    // All that is free is held back by the one reader.
    CHECK(e->key() == "first");
    CHECK(e->value() == std::string(100, 'x'));
  }
  CHECK(put("again", std::string(1000, 'y'), limit));
}

TEST_CASE_METHOD(arena_fixture, "an arena gives back what it does not need") {
  constexpr size_t limit = size_t{4} << 20;
  for (size_t i = 0; i < 10'000; ++i)
    REQUIRE(put(std::to_string(i), value_for(i, 200), limit));
  REQUIRE(put("large", std::string(100'000, 'z'), limit));
  auto full = arena.mapped_bytes();
  std::mt19937 random{1};
  while (entries.size() > 1000)
    release(std::next(entries.begin(), random() % std::ssize(entries)));
  arena.shrink(full / 4, 1000);
  CHECK(arena.mapped_bytes() <= full / 4);
  for (auto& [key, e] : entries)
    CHECK(e->value() ==
          (key == "large" ? std::string(100'000, 'z') : value_for(std::stoul(key), 200)));
}

TEST_CASE_METHOD(arena_fixture, "what is larger than the limit is refused at once") {
  REQUIRE(put("a", "b", 16 * segment));
  CHECK(!put("large", std::string(17 * segment, 'z'), 16 * segment));
  CHECK(entries.at("a")->value() == "b");
}

TEST_CASE_METHOD(arena_fixture, "an arena may become larger than it was thought") {
  constexpr size_t limit = size_t{40} << 20;
  auto fill = [&] {
    auto i = entries.size();
    while (put(std::to_string(i), value_for(i, 5000), limit))
      ++i;
  };
  fill();
  auto before = entries.size();
  reserve(limit);
  fill();
  CHECK(entries.size() > 2 * before);
  for (auto& [key, e] : entries)
    REQUIRE(e->value() == value_for(std::stoul(key), 5000));
  while (!entries.empty())
    release(entries.begin());
  arena.shrink(0, 1000);
  CHECK(arena.mapped_bytes() <= 2 * segment);
}

TEST_CASE("large entries may be more than a process may have mappings") {
  struct : entry_mover {
    void move(entry&, entry&) noexcept override {}
  } mover;
  l1_pages pages{2 * page_bytes};
  reader_slots readers;
  entry_arena arena{pages, readers, mover};
  constexpr size_t many = 70'000;
  constexpr size_t limit = (many + 10) * page_bytes;
  pages.reserve(limit);
  arena.reserve(limit);
  auto before = mappings();
  std::vector<entry*> all;
  for (size_t i = 0; i < many; ++i) {
    // One page each, and then one that is left out.
    auto* memory = arena.allocate(entry::bytes_for(3, 3000), limit);
    REQUIRE(memory != nullptr);
    all.push_back(entry::make(memory, 0, "key", std::string(3000, 'x'), {}));
  }
  CHECK(arena.mapped_bytes() == many * page_bytes);
  CHECK(mappings() < before + 100);
  // Every second leaves, and the rest is where it was.
  for (size_t i = 0; i < many; i += 2)
    arena.release(*all[i]);
  arena.reclaim(readers.oldest_reader());
  CHECK(arena.mapped_bytes() == many / 2 * page_bytes);
  for (size_t i = 1; i < many; i += 2)
    REQUIRE(all[i]->value() == std::string(3000, 'x'));
}

TEST_CASE_METHOD(arena_fixture, "memory that the kernel does not take back counts") {
  constexpr size_t limit = size_t{1} << 20;
  REQUIRE(put("large", std::string(10'000, 'x'), limit));
  auto* page =
      reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(entries.at("large")) & ~(page_bytes - 1));
  // What is locked is not given back. Sanitizers lock nothing if they are in between.
  REQUIRE(syscall(SYS_mlock, page, page_bytes) == 0);
  auto before = arena.mapped_bytes();
  release(entries.begin());
  arena.reclaim(readers.oldest_reader());
  CHECK(arena.mapped_bytes() == before);
  syscall(SYS_munlock, page, page_bytes);
  arena.reclaim(readers.oldest_reader());
  CHECK(arena.mapped_bytes() == 0);
}

TEST_CASE_METHOD(arena_fixture, "what does not fit behind the last entry is not cleaned for") {
  constexpr size_t limit = size_t{2} << 20;
  // Five of these fit in a segment, and a sixth of it is left.
  std::mt19937 random{1};
  size_t written = 0;
  for (size_t i = 0; i < 20'000; ++i) {
    auto bytes = entry::bytes_for(5, 2700);
    while (!arena.fits(bytes, limit))
      release(std::next(entries.begin(), random() % std::ssize(entries)));
    if (put(std::to_string(10'000 + i), value_for(i, 2700), limit))
      written += bytes;
    REQUIRE(arena.mapped_bytes() <= limit);
  }
  CHECK(written > 19'900 * 2700);
  CHECK(arena.moved_bytes() < 4 * written);
}
