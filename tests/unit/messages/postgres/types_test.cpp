#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/postgres/types.hpp"

#include "unit/messages/postgres/conversion.hpp"
#include "unit/messages/serialize.hpp"

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <bit>
#include <chrono>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <unordered_set>
#include <vector>

using namespace dbs;
using namespace std::chrono_literals;
using namespace std::string_literals;
using dbs::test::holds;
using dbs::test::received;
using dbs::test::sent;

namespace {

constexpr auto rounds = 2000;

/// Fixed, so that a failure repeats.
std::mt19937_64 generator() {
  return std::mt19937_64{20261123}; // NOLINT(cert-msc51-cpp)
}

template <class T>
bool survives(const T& x) {
  auto copy = received<T>(sent(x));
  return copy && *copy == x;
}

template <class T>
std::string problem(std::string_view text) {
  auto x = received<T>(text);
  return x ? "none" : describe(x.error());
}

std::string random_text(std::mt19937_64& rng, bool printable_zero = false) {
  // Much of what needs quotes somewhere.
  constexpr std::string_view alphabet = "abcNULnul{}\",\\' \t\n\r\v\f\x01\x7f\xc3\xa4\xff()[]=:";
  std::string result(rng() % 12, ' ');
  for (auto& c : result)
    c = alphabet[rng() % alphabet.size()];
  if (printable_zero)
    result += '0';
  return result;
}

} // namespace

// -- integers ----------------------------------------------------------------------

TEMPLATE_TEST_CASE("integers of every width survive the way to the server and back", "", int8_t,
                   uint8_t, int16_t, uint16_t, int32_t, uint32_t, int64_t, uint64_t, long long) {
  auto rng = generator();
  CHECK(survives(std::numeric_limits<TestType>::min()));
  CHECK(survives(std::numeric_limits<TestType>::max()));
  CHECK(survives(TestType{0}));
  for (auto i = 0; i < rounds; ++i) {
    auto x = static_cast<TestType>(rng() >> (rng() % 64));
    INFO(x);
    REQUIRE(survives(x));
  }
}

TEST_CASE("an unsigned number beyond bigint is sent in full") {
  CHECK(sent(std::numeric_limits<uint64_t>::max()) == "18446744073709551615");
}

TEST_CASE("an integer is never truncated") {
  CHECK(problem<int32_t>("2147483648") ==
        "invalid_argument: column \"x\" (text) is out of range for the integer type asked for");
  CHECK(holds(received<int64_t>("2147483648"), 2147483648));
  CHECK_FALSE(received<int8_t>("-129"));
  CHECK_FALSE(received<uint8_t>("256"));
  CHECK_FALSE(received<uint32_t>("-1"));
  CHECK_FALSE(received<uint64_t>("-1"));
  CHECK_FALSE(received<uint64_t>("18446744073709551616"));
  CHECK_FALSE(received<int64_t>("-9223372036854775809"));
}

TEST_CASE("an integer is the whole text or an error") {
  auto text = GENERATE(as<std::string>{}, "12abc", "abc", "", " 1", "1 ", "1.0", "1.5", "0x10",
                       "1e3", "+1", "--1", "-", "NaN", "t");
  INFO(text);
  CHECK(problem<int64_t>(text) == "invalid_argument: column \"x\" (text) is not an integer");
  CHECK_FALSE(received<uint64_t>(text));
  CHECK_FALSE(received<int16_t>(text));
}

// -- booleans ----------------------------------------------------------------------

TEST_CASE("booleans") {
  CHECK(sent(true) == "true");
  CHECK(sent(false) == "false");
  CHECK(holds(received<bool>("t"), true));
  CHECK(holds(received<bool>("f"), false));
  CHECK(survives(true));
  CHECK(survives(false));
  for (auto* text : {"", "T", "1", "0", "yes", "tr"})
    CHECK(problem<bool>(text) == "invalid_argument: column \"x\" (text) is not a boolean");
}

// -- floating point ----------------------------------------------------------------

TEST_CASE("doubles survive bit by bit") {
  auto rng = generator();
  for (auto i = 0; i < rounds; ++i) {
    auto x = std::bit_cast<double>(rng());
    if (std::isnan(x))
      continue;
    INFO(x);
    auto copy = received<double>(sent(x));
    REQUIRE(copy);
    REQUIRE(std::bit_cast<uint64_t>(*copy) == std::bit_cast<uint64_t>(x));
  }
}

TEST_CASE("floats survive bit by bit") {
  auto rng = generator();
  for (auto i = 0; i < rounds; ++i) {
    auto x = std::bit_cast<float>(static_cast<uint32_t>(rng()));
    if (std::isnan(x))
      continue;
    INFO(x);
    auto copy = received<float>(sent(x));
    REQUIRE(copy);
    REQUIRE(std::bit_cast<uint32_t>(*copy) == std::bit_cast<uint32_t>(x));
  }
}

TEST_CASE("floating point numbers are written short and exact") {
  CHECK(sent(0.1) == "0.1");
  CHECK(sent(0.1F) == "0.1");
  CHECK(sent(-0.0) == "-0");
  CHECK(sent(1e300) == "1e+300");
}

TEST_CASE("floating point numbers that are no numbers are spelled as PostgreSQL spells them") {
  CHECK(sent(std::numeric_limits<double>::infinity()) == "Infinity");
  CHECK(sent(-std::numeric_limits<float>::infinity()) == "-Infinity");
  CHECK(sent(std::numeric_limits<double>::quiet_NaN()) == "NaN");
  CHECK(survives(std::numeric_limits<double>::infinity()));
  CHECK(survives(-std::numeric_limits<double>::infinity()));
  auto nan = received<double>("NaN");
  REQUIRE(nan);
  CHECK(std::isnan(*nan));
}

TEST_CASE("a floating point number is the whole text or an error") {
  auto text = GENERATE(as<std::string>{}, "", "abc", "1.5x", "inf", "nan", "infinity", "1,5",
                       "0x1p3", " 1", "1e", "--1", ".", "e5");
  INFO(text);
  CHECK(problem<double>(text) == "invalid_argument: column \"x\" (text) is not a number");
  CHECK_FALSE(received<float>(text));
}

TEST_CASE("a number too large for the type is refused, not made infinite") {
  CHECK_FALSE(received<double>("1e400"));
  CHECK_FALSE(received<float>("1e39"));
  CHECK(holds(received<double>("1e39"), 1e39));
}

// -- text, bytes, uuid, numeric, json -----------------------------------------------

TEST_CASE("text is passed as it is") {
  auto rng = generator();
  for (auto i = 0; i < rounds; ++i)
    REQUIRE(survives(random_text(rng)));
  CHECK(sent(std::string_view{"a'b"}) == "a'b");
  CHECK(sent("literal") == "literal");
}

TEST_CASE("bytes travel in hexadecimal") {
  CHECK(sent(blob{"\x00\xff\x41"s}) == "\\x00ff41");
  CHECK(sent(blob{}) == "\\x");
  CHECK(holds(received<blob>("\\xDEadBE"), blob{"\xde\xad\xbe"}));
  auto rng = generator();
  for (auto i = 0; i < rounds; ++i) {
    std::string bytes(rng() % 40, ' ');
    for (auto& c : bytes)
      c = static_cast<char>(rng());
    REQUIRE(survives(blob{bytes}));
  }
}

TEST_CASE("bytes in any other format are refused") {
  auto text =
      GENERATE(as<std::string>{}, "", "\\", "abc", "\\x0", "\\x0g", "\\xg0", "x00", "\\000ab");
  INFO(text);
  CHECK(problem<blob>(text) ==
        "invalid_argument: column \"x\" (text) is not a bytea in hexadecimal format");
}

TEST_CASE("a uuid is read in either case and written in lower case") {
  auto x = uuid::parse("00112233-4455-6677-8899-AABBCCddeeff");
  REQUIRE(x);
  CHECK(x->bytes[0] == 0x00);
  CHECK(x->bytes[15] == 0xff);
  CHECK(to_string(*x) == "00112233-4455-6677-8899-aabbccddeeff");
  CHECK(survives(*x));
  CHECK(uuid{} < *x);
  CHECK(std::unordered_set<uuid>{*x, *x, uuid{}}.size() == 2);
}

TEST_CASE("what is not a uuid is refused") {
  auto text =
      GENERATE(as<std::string>{}, "", "00112233-4455-6677-8899-aabbccddeef",
               "00112233-4455-6677-8899-aabbccddeeff0", "00112233445566778899aabbccddeeff0000",
               "0011223-34455-6677-8899-aabbccddeeff", "00112233-4455-6677-8899-aabbccddeefg",
               "{0112233-4455-6677-8899-aabbccddeef}");
  INFO(text);
  CHECK_FALSE(uuid::parse(text));
  CHECK(problem<uuid>(text) == "invalid_argument: column \"x\" (text) is not a uuid");
}

TEST_CASE("a numeric keeps every digit") {
  auto text =
      GENERATE(as<std::string>{}, "0", "-1", "+1", "12345678901234567890.123456789012345678901",
               "1.00", ".5", "5.", "1e10", "-1.5E-7", "NaN", "Infinity", "-Infinity");
  INFO(text);
  auto x = pg_numeric::parse(text);
  REQUIRE(x);
  CHECK(x->text() == text);
  CHECK(sent(*x) == text);
  CHECK(survives(*x));
}

TEST_CASE("what is not a decimal number is refused") {
  auto text =
      GENERATE(as<std::string>{}, "", "-", ".", "1.2.3", "1e", "e1", "abc", "1 ", "0x1", "1;drop");
  INFO(text);
  CHECK_FALSE(pg_numeric::parse(text));
  CHECK_FALSE(received<pg_numeric>(text));
}

TEST_CASE("a numeric beyond PostgreSQL's limits is refused") {
  CHECK(pg_numeric::parse(std::string(pg_numeric::max_size, '9')));
  CHECK_FALSE(pg_numeric::parse(std::string(pg_numeric::max_size + 1, '9')));
}

TEST_CASE("json is passed as it is") {
  CHECK(sent(pg_json{R"({"a": [1, "x"]})"}) == R"({"a": [1, "x"]})");
  CHECK(survives(pg_json{R"({"a": [1, "x"]})"}));
}

// -- null --------------------------------------------------------------------------

TEST_CASE("null has many names on the way out") {
  CHECK(sent(nullptr) == "null");
  CHECK(sent(std::nullopt) == "null");
  CHECK(sent(std::optional<int>{}) == "null");
  CHECK(sent(static_cast<const char*>(nullptr)) == "null");
  CHECK(sent(std::optional{7}) == "7");
}

TEST_CASE("null comes back as an empty optional, and as an error to anything else") {
  CHECK(holds(received<std::optional<int>>(std::nullopt), std::optional<int>{}));
  CHECK(holds(received<std::optional<int>>("7"), std::optional{7}));
  CHECK_FALSE(received<std::optional<int>>("x"));
  CHECK(describe(received<int>(std::nullopt).error()) ==
        "invalid_argument: column \"x\" (text) is null");
}

TEST_CASE("an optional bool tells null from false") {
  CHECK(holds(received<std::optional<bool>>(std::nullopt), std::optional<bool>{}));
  CHECK(holds(received<std::optional<bool>>("f"), std::optional{false}));
}

// -- types of one's own --------------------------------------------------------------

namespace {

enum class color { red, green };

} // namespace

template <>
struct dbs::pg_codec<color> {
  static pg_problem encode(const color& x, std::string& out) {
    out += x == color::red ? "red" : "green";
    return nullptr;
  }

  static pg_problem decode(std::string_view text, color& out) {
    out = text == "red" ? color::red : color::green;
    return text == "red" || text == "green" ? nullptr : "is not a color";
  }
};

TEST_CASE("a type of one's own travels by specialising pg_codec") {
  CHECK(sent(color::green) == "green");
  CHECK(survives(color::red));
  CHECK(survives(std::vector{color::red, color::green}));
  CHECK(holds(received<std::optional<color>>("green"), std::optional{color::green}));
  CHECK(problem<color>("blue") == "invalid_argument: column \"x\" (text) is not a color");
}
