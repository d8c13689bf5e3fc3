#include "dbs/messages/blob.hpp"
#include "dbs/messages/error_detail.hpp"

#include "unit/messages/serialize.hpp"

#include <caf/deep_to_string.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using dbs::blob;
using namespace std::string_literals;

TEST_CASE("an empty blob holds nothing and points to something") {
  blob x;
  CHECK(x.empty());
  CHECK(x.size() == 0);
  CHECK(x.data() != nullptr);
  CHECK(x == blob{""});
}

TEST_CASE("copies of a blob share their bytes") {
  blob x{"some bytes"};
  auto y = x;
  CHECK(x.data() == y.data());
  CHECK(x == y);
}

TEST_CASE("a moved-from blob is empty, and the bytes live as long as somebody holds them") {
  blob x{"some bytes"};
  auto* bytes = x.data();
  auto y = std::move(x);
  CHECK(x.empty()); // NOLINT(bugprone-use-after-move)
  CHECK(y.data() == bytes);
  {
    auto z = y;
    y = blob{};
    CHECK(z.view() == "some bytes");
  }
  CHECK(y.empty());
}

TEST_CASE("a blob may be assigned to itself") {
  blob x{"some bytes"};
  auto& same = x;
  x = same;
  CHECK(x.view() == "some bytes");
}

TEST_CASE("blobs are equal when their bytes are") {
  CHECK(blob{"a\0b"s} == blob{"a\0b"s});
  CHECK_FALSE(blob{"a\0b"s} == blob{"a\0c"s});
  CHECK_FALSE(blob{"a"} == blob{});
}

TEST_CASE("a blob is built in place") {
  auto x = blob::build(3, [](char* out) { std::memcpy(out, "abc", 3); });
  CHECK(x.view() == "abc");
  CHECK(blob::build(0, [](char*) { FAIL("there is nothing to fill"); }).empty());
}

TEST_CASE("threads share a blob without racing for its count") {
  blob x{"shared"};
  std::vector<std::thread> threads;
  for (auto i = 0; i < 4; ++i)
    threads.emplace_back([x] {
      for (auto j = 0; j < 10'000; ++j) {
        auto copy = x;
        (void)copy.size();
      }
    });
  for (auto& thread : threads)
    thread.join();
  CHECK(x.view() == "shared");
}

TEST_CASE("a blob travels as a string") {
  CHECK(dbs::test::serialize(blob{"a\0b"s}) == dbs::test::serialize("a\0b"s));
  auto copy = dbs::test::deserialize<blob>(dbs::test::serialize(blob{"a\0b"s}));
  REQUIRE(copy);
  CHECK(copy->view() == "a\0b"s);
}

TEST_CASE("a blob beyond the size limit is refused when it is loaded") {
  std::string bytes(blob::max_size + 1, 'x');
  auto refused = dbs::test::deserialize<blob>(dbs::test::serialize(bytes));
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == dbs::errc::payload_too_large);
  bytes.pop_back();
  auto accepted = dbs::test::deserialize<blob>(dbs::test::serialize(bytes));
  REQUIRE(accepted);
  CHECK(accepted->size() == blob::max_size);
}

TEST_CASE("a blob whose length lies is refused") {
  auto bytes = dbs::test::serialize(blob{"some bytes"});
  bytes.pop_back();
  CHECK_FALSE(dbs::test::deserialize<blob>(bytes));
}

TEST_CASE("logs show how large a blob is, not what is in it") {
  CHECK(caf::deep_to_string(blob{"secret"}) == R"("<6 bytes>")");
}
