#include "dbs/runtime/cache/internal/entry_arena.hpp"

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <random>
#include <string>
#include <vector>

using namespace dbs::cache;

namespace {

constexpr size_t segment = size_t{16} << 10;

/// Values by number, each in an entry of an arena.
struct arena_fixture : entry_mover {
  reader_slots readers;
  entry_arena arena{segment, readers, *this};
  std::map<std::string, entry*> entries;

  void move(entry& from, entry& to) noexcept override {
    entries.at(std::string{from.key()}) = &to;
    to.where = from.where;
    from.where = entry_place::none;
  }

  bool put(const std::string& key, const std::string& value, size_t limit) {
    auto* memory = arena.allocate(entry::bytes_for(key.size(), value.size()), limit);
    if (memory == nullptr)
      return false;
    auto* e = entry::make(memory, 0, key, value, {});
    e->where = entry_place::main;
    entries.emplace(key, e);
    return true;
  }

  void release(std::map<std::string, entry*>::iterator at) {
    at->second->where = entry_place::none;
    arena.release(*at->second);
    entries.erase(at);
  }
};

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
