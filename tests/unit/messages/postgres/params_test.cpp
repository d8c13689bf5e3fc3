#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/postgres/params.hpp"

#include "unit/messages/postgres/conversion.hpp"
#include "unit/messages/serialize.hpp"

#include <caf/deep_to_string.hpp>

#include <catch2/catch_test_macros.hpp>

#include <random>
#include <string>

using namespace dbs;
using namespace std::string_literals;

TEST_CASE("parameters stand in the order in which they were added") {
  auto params = make_params(1, "two", nullptr, std::string{"four"}, 5.5);
  REQUIRE(params.size() == 5);
  CHECK(params.error().empty());
  CHECK(params.c_str(0) == "1"s);
  CHECK(params.c_str(1) == "two"s);
  CHECK(params.c_str(2) == nullptr);
  CHECK(params.c_str(3) == "four"s);
  CHECK(params.c_str(4) == "5.5"s);
  CHECK(params.is_null(2));
  CHECK(params.bytes() == 2 + 4 + 5 + 4);
}

TEST_CASE("an empty string is not null") {
  auto params = make_params("", nullptr, "");
  CHECK(params.c_str(0) == ""s);
  CHECK_FALSE(params.is_null(0));
  CHECK(params.is_null(1));
  CHECK(params.c_str(2) == ""s);
}

TEST_CASE("parameters are added one by one as well") {
  pg_params params;
  CHECK(params.empty());
  params.add(1).add(std::optional<std::string>{}).add(true);
  CHECK(params.size() == 3);
  CHECK(params.c_str(2) == "true"s);
  CHECK(params == make_params(1, nullptr, true));
}

TEST_CASE("a zero byte is refused, naming the parameter and not its value") {
  auto params = make_params(1, "pass\0word"s, 3);
  CHECK(params.error() == "$2 contains a zero byte");
  // The parameter keeps its place.
  CHECK(params.size() == 3);
  CHECK(params.is_null(1));
  CHECK(params.c_str(2) == "3"s);
}

TEST_CASE("the first error is the one that is remembered") {
  auto params = make_params("\0"s, 2, "\0"s);
  CHECK(params.error() == "$1 contains a zero byte");
}

TEST_CASE("text that is added as it is must not hold a zero byte either") {
  pg_params params;
  params.add_text("a\0b"s);
  CHECK(params.error() == "$1 contains a zero byte");
}

TEST_CASE("there is one parameter more than the protocol counts") {
  pg_params params;
  for (size_t i = 0; i < pg_params::max_count; ++i)
    params.add(i % 2 == 0);
  CHECK(params.error().empty());
  params.add(1);
  CHECK(params.error() == "$65536 is one parameter more than PostgreSQL takes");
  params.add(nullptr);
  CHECK(params.size() == pg_params::max_count);
}

TEST_CASE("all parameters together have a bound") {
  pg_params params;
  std::string half(pg_params::max_bytes / 2, 'x');
  params.add(half);
  CHECK(params.error().empty());
  params.add(half);
  CHECK(params.error() == "$2 is too large");
  CHECK(params.bytes() == half.size() + 1);
}

TEST_CASE("parameters travel, and their error with them") {
  auto params = make_params(1, nullptr, "", "text", "\0"s);
  auto copy = test::deserialize<pg_params>(test::serialize(params));
  REQUIRE(copy);
  CHECK(*copy == params);
  CHECK(copy->error() == "$5 contains a zero byte");
}

TEST_CASE("logs show how many parameters there are, not what they are") {
  auto text = caf::deep_to_string(make_params("hunter2", 1234567));
  CHECK(text.find("hunter2") == std::string::npos);
  CHECK(text.find("1234567") == std::string::npos);
  CHECK(text.find('2') != std::string::npos);
}

TEST_CASE("parameters from outside are consistent or refused") {
  std::mt19937_64 rng{20261123}; // NOLINT(cert-msc51-cpp)
  auto good = test::serialize(make_params("abc", nullptr, 42, "", "xyz", nullptr));
  size_t accepted = 0;
  size_t refused = 0;
  for (auto i = 0; i < 20'000; ++i) {
    auto bytes = good;
    for (auto n = 1 + rng() % 3; n > 0; --n)
      bytes[rng() % bytes.size()] = static_cast<char>(rng() % 4 == 0 ? rng() : rng() % 8);
    if (rng() % 8 == 0)
      bytes.resize(rng() % bytes.size());
    caf::binary_deserializer source{nullptr, bytes.data(), bytes.size()};
    pg_params params;
    if (!source.apply(params)) {
      ++refused;
      continue;
    }
    // What was accepted can be read: every value ends within the buffer.
    ++accepted;
    size_t total = 0;
    for (size_t j = 0; j < params.size(); ++j)
      if (!params.is_null(j))
        total += std::string{params.c_str(j)}.size() + 1;
    REQUIRE(total == params.bytes());
  }
  CHECK(accepted > 0);
  CHECK(refused > 0);
}

TEST_CASE("offsets that contradict the text are a protocol error") {
  auto bytes = test::serialize(make_params("a", "b"));
  // "a\0b\0", then two offsets of four bytes, then the empty error.
  bytes[bytes.size() - 2] = 1;
  auto params = test::deserialize<pg_params>(bytes);
  REQUIRE_FALSE(params);
  CHECK(params.error() == errc::protocol_error);
}
