#include "made_entry.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <limits>
#include <string>

using namespace dbs::cache;
using namespace std::chrono_literals;
using time_point = coarse_clock::time_point;

TEST_CASE("an entry gives back what it was made of") {
  entry_meta meta{{7, 42},
                  time_point{1'700'000'000'123ms},
                  time_point{1'700'000'060'456ms},
                  entry_kind::negative};
  made_entry e{0xabcdef01, "user:7", std::string(1000, 'x'), meta};
  CHECK(e->hash() == 0xabcdef01);
  CHECK(e->key() == "user:7");
  CHECK(e->value() == std::string(1000, 'x'));
  CHECK(e->vers() == version{7, 42});
  CHECK(e->soft() == meta.soft);
  CHECK(e->hard() == meta.hard);
  CHECK(e->kind() == entry_kind::negative);
  CHECK(e->bytes() == 56 + 6 + 1000 + 2);
}

TEST_CASE("tags take eight bytes more, and only where there are some") {
  entry_meta meta;
  meta.tags = 0x8000000000000001;
  made_entry e{1, "k", "value", meta};
  CHECK(e->tags() == 0x8000000000000001);
  CHECK(e->value() == "value");
  CHECK(e->meta().tags == meta.tags);
  CHECK(e->bytes() == 56 + 1 + 5 + 8 + 2);
  CHECK(made_entry { 1, "k", "value" } -> tags() == 0);
  CHECK(made_entry { 1, "k", "value" } -> bytes() == 56 + 1 + 5 + 2);
}

TEST_CASE("keys and values may be empty and of any bytes") {
  using namespace std::string_view_literals;
  made_entry nothing{1, "", ""};
  CHECK(nothing->key().empty());
  CHECK(nothing->value().empty());
  made_entry zeros{1, "a\0b"sv, "\0\0"sv};
  CHECK(zeros->key() == "a\0b"sv);
  CHECK(zeros->value() == "\0\0"sv);
  std::string longest(entry::max_key_bytes, 'k');
  CHECK(made_entry { 1, longest } -> key() == longest);
}

TEST_CASE("a time that is out of range is the nearest that is in it") {
  entry_meta meta;
  CHECK(made_entry { 1, "k", "", meta } -> hard() == time_point::max());
  meta.hard = time_point::max() - 1ms;
  meta.soft = time_point{-5ms};
  made_entry e{1, "k", "", meta};
  CHECK(e->hard() == time_point::max());
  CHECK(e->soft() == time_point{0ms});
}

TEST_CASE("hits are counted up to a maximum") {
  made_entry e{1};
  for (uint8_t n = 1; n <= entry::max_hits; ++n) {
    e->touch();
    CHECK(e->hits() == n);
  }
  e->touch();
  CHECK(e->hits() == entry::max_hits);
}

TEST_CASE("a copy of an entry has its hits, but no place in a queue") {
  made_entry e{9, "k", "v", {{1, 2}, time_point{3ms}, time_point{4ms}, entry_kind::value}};
  e->touch();
  e->where = entry_place::main;
  std::string memory(e->bytes() + 8, '\0');
  auto aligned = (reinterpret_cast<uintptr_t>(memory.data()) + 7) & ~uintptr_t{7};
  auto& copy = *entry::make_copy(reinterpret_cast<void*>(aligned), *e);
  CHECK(copy.key() == "k");
  CHECK(copy.value() == "v");
  CHECK(copy.hash() == 9);
  CHECK(copy.vers() == version{1, 2});
  CHECK(copy.soft() == time_point{3ms});
  CHECK(copy.hard() == time_point{4ms});
  CHECK(copy.hits() == 1);
  CHECK((copy.where == entry_place::none));
}
