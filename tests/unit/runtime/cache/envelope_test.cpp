#include "dbs/runtime/cache/envelope.hpp"

#include "unit/runtime/cache/made_stored.hpp"

#include "dbs/messages/error_detail.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace dbs;
using namespace dbs::cache;
using namespace dbs::test;
using namespace std::string_literals;

namespace {

constexpr size_t most = 1 << 20;

std::string encoded(const stored_value& what) {
  return std::string{encode_envelope(what).view()};
}

/// What is wrong with the bytes; empty if nothing is.
std::string problem(std::string_view bytes, size_t max_value_bytes = most) {
  auto result = decode_envelope(bytes, max_value_bytes);
  if (result)
    return "";
  CHECK(result.error() == errc::protocol_error);
  return detail(result.error()).what.substr("a cached entry makes no sense: "s.size());
}

std::string with(std::string bytes, size_t at, std::string_view other) {
  return bytes.replace(at, other.size(), other);
}

} // namespace

TEST_CASE("an envelope has every byte in its place") {
  auto what = made_stored("hello", {1, 0x0002030405060708}, {"red", "x"});
  what.soft = wall_time{std::chrono::milliseconds{0x0a0b}};
  CHECK(encoded(what) == "\x9a\x01"
                         "\xcf\0\0\0\0\0\0\0\x01"
                         "\xcf\0\x02\x03\x04\x05\x06\x07\x08"
                         "\xcf\0\0\0\0\0\0\x0a\x0b"
                         "\xcf\xff\xff\xff\xff\xff\xff\xff\xff"
                         "\0\0\xce\0\0\0\5\xdc\0\2\xd9\3red\xd9\1x\xc6\0\0\0\5hello"s);
  auto bytes = encoded(made_tombstone({1, 2}));
  CHECK(bytes[envelope_layout::epoch_at + 7] == 1);
  CHECK(bytes[envelope_layout::sequence_at + 7] == 2);
  CHECK(bytes[envelope_layout::hard_at] == '\xff');
  CHECK(bytes[envelope_layout::kind_at] == 2);
  CHECK(envelope_layout::head_bytes == envelope_layout::kind_at + 1);
}

TEST_CASE("what is put into an envelope comes out of it") {
  std::mt19937_64 random{7};
  for (int i = 0; i < 2'000; ++i) {
    auto what = random_stored(random);
    auto out = decode_envelope(encode_envelope(what).view(), most);
    REQUIRE(out);
    CHECK(*out == what);
  }
}

TEST_CASE("a value is compressed from 1 KiB on, if that saves an eighth") {
  auto size_of = [](std::string_view value) {
    auto bytes = encode_envelope(made_stored(value, {1, 1}));
    CHECK(decode_envelope(bytes.view(), most)->value == blob{value});
    return bytes.size();
  };
  auto head = size_of("");
  CHECK(size_of(std::string(1023, 'a')) == head + 1023);
  CHECK(size_of(std::string(1024, 'a')) < head + 100);
  std::mt19937_64 random{7};
  std::string noise;
  while (noise.size() < 4096)
    noise += static_cast<char>(random());
  CHECK(size_of(noise) == head + 4096);
  // of 4 KiB about a twelfth is saved, and about a sixth
  CHECK(size_of(noise + std::string(350, 'a')) == head + 4096 + 350);
  CHECK(size_of(noise + std::string(800, 'a')) < head + 4096 + 100);
}

TEST_CASE("an envelope that is cut off anywhere is refused, and so is one that goes on") {
  std::mt19937_64 random{11};
  for (int i = 0; i < 30; ++i) {
    auto bytes = encoded(random_stored(random));
    for (size_t size = 0; size < bytes.size(); size += 1 + size / 200)
      CHECK(!problem({bytes.data(), size}).empty());
    CHECK(problem(bytes + 'x') == "there are 1 bytes behind its end");
  }
}

TEST_CASE("an envelope with one wrong bit is another value, or refused") {
  std::mt19937_64 random{13};
  for (int i = 0; i < 100; ++i) {
    auto what = random_stored(random);
    auto bytes = encoded(what);
    for (int n = 0; n < 200; ++n) {
      auto bit = random() % (bytes.size() * 8);
      auto flipped = bytes;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
      if (auto out = decode_envelope(flipped, most)) {
        CHECK(out->value.size() <= most);
        CHECK(out->tags.size() <= stored_value::max_tags);
        CHECK(decode_envelope(encode_envelope(*out).view(), most) == *out);
      }
    }
  }
}

TEST_CASE("bytes at random are no envelope") {
  std::mt19937_64 random{17};
  auto head = encoded(made_stored("", {1, 1})).substr(0, 45);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes;
    for (auto left = random() % 300; left > 0; --left)
      bytes += static_cast<char>(random());
    CHECK(!problem(bytes).empty());
    // and behind a good head
    auto out = decode_envelope(head + bytes, most);
    CHECK((!out || out->value.empty()));
  }
}

TEST_CASE("what is wrong with an envelope is said, the value is not") {
  auto good = encoded(made_stored("geheim", {1, 1}, {"a"}));
  CHECK(problem(good) == "");
  CHECK(problem("") == "it is not one of ours");
  CHECK(problem("geheim") == "it is not one of ours");
  CHECK(problem(with(good, 1, "\x02")) == "its format 2 is unknown");
  CHECK(problem(with(good, 2, "\xce")) == "its head is cut off, or not in the fixed form");
  CHECK(problem(with(good, 21, "\x80")) == "its expiry is out of range");
  CHECK(problem(with(good, 38, "\x03")) == "its kind 3 is unknown");
  CHECK(problem(with(good, 39, "\x02")) == "its codec 2 is unknown");
  CHECK(problem(with(good, 39, "\x01")) == "its value is not what compression made of it");
  CHECK(problem(with(good, 44, "\x07")) == "its value has another size than it says");
  CHECK(problem(good, 5) == "its value has 6 bytes");
  CHECK(problem(with(good, 47, "\x11")) == "it has 17 tags");
  CHECK(problem(with(good, 49, "\x81"s)) == "a tag has 129 bytes");
  CHECK(problem(with(good, 49, "\0"s)) == "a tag has 0 bytes");
  CHECK(problem(with(good, 51, "\xc5")) == "it is cut off, or not in the fixed form");
}

TEST_CASE("a compressed value that claims to be larger or smaller than it is, is refused") {
  auto good = encoded(made_stored(std::string(4096, 'a'), {1, 1}));
  CHECK(problem(good) == "");
  // 4096 is 0x1000
  CHECK(problem(with(good, 43, "\x11")) == "its value is not what compression made of it");
  CHECK(problem(with(good, 43, "\x0f")) == "its value is not what compression made of it");
  CHECK(problem(with(good, 42, "\x0f")) == "its value is not what compression made of it");
  CHECK(problem(with(good, 41, "\xff")) == "its value has 4278194176 bytes");
}
