// Columns in binary: what is read, and what is refused. Whether it is what a server
// sends is seen in integration/runtime/postgres/types_test.cpp.
#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/postgres/type_oid.hpp"
#include "dbs/messages/postgres/types.hpp"

#include "unit/messages/postgres/conversion.hpp"
#include "unit/messages/serialize.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <chrono>
#include <cmath>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <vector>

using namespace dbs;
using namespace std::chrono;
using namespace std::string_literals;
using dbs::test::holds;
using dbs::test::received_binary;

namespace {

constexpr uint32_t of_a_user = 20'000;

template <class T>
std::string problem(uint32_t type_oid, std::optional<std::string_view> bytes) {
  auto x = received_binary<T>(type_oid, bytes);
  return x ? "none" : describe(x.error());
}

template <class T>
bool is_refused(uint32_t type_oid, std::string_view bytes) {
  return problem<T>(type_oid, bytes).ends_with("not read as the one asked for in binary");
}

template <class T>
bool is_broken(uint32_t type_oid, std::string_view bytes) {
  return problem<T>(type_oid, bytes).ends_with("is broken: its bytes are not those of its type");
}

/// A number in network byte order.
template <class T>
std::string be(T x) {
  std::string result;
  for (auto shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8)
    result += static_cast<char>(static_cast<uint64_t>(x) >> shift & 0xff);
  return result;
}

std::string numeric(int16_t weight, uint16_t sign, uint16_t scale,
                    const std::vector<uint16_t>& digits) {
  auto result = be(static_cast<int16_t>(digits.size())) + be(weight) + be(sign) + be(scale);
  for (auto x : digits)
    result += be(x);
  return result;
}

std::string array(int32_t dimensions, uint32_t element, int32_t size, int32_t lower_bound,
                  const std::vector<std::string>& items) {
  auto result = be(dimensions) + be(int32_t{0}) + be(element) + be(size) + be(lower_bound);
  for (auto& x : items)
    result += be(static_cast<int32_t>(x.size())) + x;
  return result;
}

} // namespace

TEST_CASE("integers in binary are read into every type that they fit into") {
  CHECK(holds(received_binary<int64_t>(pg_oid::smallint, be(int16_t{-2})), -2));
  CHECK(holds(received_binary<uint8_t>(pg_oid::integer, be(int32_t{255})), 255));
  CHECK(holds(received_binary<uint32_t>(pg_oid::oid, be(uint32_t{4'000'000'000})), 4'000'000'000));
  CHECK(holds(received_binary<uint64_t>(pg_oid::bigint, be(int64_t{7})), 7));
  CHECK(holds(
      received_binary<uint64_t>(pg_oid::numeric, numeric(4, 0, 0, {1844, 6744, 737, 955, 1615})),
      18446744073709551615U));
}

TEST_CASE("an integer in binary that does not fit is refused") {
  CHECK(problem<uint8_t>(pg_oid::integer, be(int32_t{256})) ==
        "invalid_argument: column \"x\" (integer) is out of range for the integer type asked for");
  CHECK_FALSE(received_binary<int8_t>(pg_oid::smallint, be(int16_t{-129})));
  CHECK_FALSE(received_binary<uint64_t>(pg_oid::bigint, be(int64_t{-1})));
  CHECK_FALSE(received_binary<int32_t>(pg_oid::oid, be(uint32_t{4'000'000'000})));
  CHECK(problem<int>(pg_oid::numeric, numeric(0, 0, 1, {1, 5000})) ==
        "invalid_argument: column \"x\" (numeric) is not an integer");
}

TEST_CASE("null in binary is null") {
  CHECK(holds(received_binary<std::optional<int>>(pg_oid::integer, std::nullopt),
              std::optional<int>{}));
  CHECK(problem<int>(pg_oid::integer, std::nullopt) ==
        "invalid_argument: column \"x\" (integer) is null");
}

TEST_CASE("floats of the other width become what they do in text") {
  auto real = be(std::bit_cast<uint32_t>(0.1F));
  auto wide = be(std::bit_cast<uint64_t>(0.1));
  CHECK(holds(received_binary<float>(pg_oid::real, real), 0.1F));
  CHECK(holds(received_binary<double>(pg_oid::double_precision, wide), 0.1));
  CHECK(holds(received_binary<double>(pg_oid::real, real), 0.1));
  CHECK(holds(received_binary<float>(pg_oid::double_precision, wide), 0.1F));
  CHECK(problem<float>(pg_oid::double_precision, be(std::bit_cast<uint64_t>(1e300))) ==
        "invalid_argument: column \"x\" (double precision) is out of range for the floating "
        "point type asked for");
  auto minus_zero = received_binary<double>(pg_oid::real, be(std::bit_cast<uint32_t>(-0.0F)));
  REQUIRE(minus_zero);
  CHECK(std::signbit(*minus_zero));
  CHECK(holds(received_binary<double>(pg_oid::integer, be(int32_t{-3})), -3.0));
  CHECK(holds(received_binary<double>(pg_oid::numeric, numeric(0, 0, 2, {1, 2500})), 1.25));
}

TEST_CASE("a numeric in binary becomes its digits") {
  auto text = [](int16_t weight, uint16_t sign, uint16_t scale,
                 const std::vector<uint16_t>& digits) {
    auto x = received_binary<pg_numeric>(pg_oid::numeric, numeric(weight, sign, scale, digits));
    return x ? x->text() : describe(x.error());
  };
  CHECK(text(0, 0, 0, {}) == "0");
  CHECK(text(0, 0, 2, {}) == "0.00");
  CHECK(text(0, 0, 0, {7}) == "7");
  CHECK(text(0, 0x4000, 0, {7}) == "-7");
  CHECK(text(1, 0, 0, {1}) == "10000");
  CHECK(text(1, 0, 3, {12, 34, 5600}) == "120034.560");
  CHECK(text(-1, 0, 4, {1}) == "0.0001");
  CHECK(text(-2, 0x4000, 5, {1000}) == "-0.00001");
  CHECK(text(-3, 0, 12, {1}) == "0.000000000001");
  CHECK(text(0, 0xc000, 0, {}) == "NaN");
  CHECK(text(0, 0xd000, 0, {}) == "Infinity");
  CHECK(text(0, 0xf000, 0, {}) == "-Infinity");
}

TEST_CASE("a numeric in binary that would lose a digit, or has none, is broken") {
  CHECK(is_broken<pg_numeric>(pg_oid::numeric, numeric(-1, 0, 3, {1})));
  CHECK(is_broken<pg_numeric>(pg_oid::numeric, numeric(0, 0, 0, {10'000})));
  CHECK(is_broken<pg_numeric>(pg_oid::numeric, numeric(0, 1, 0, {1})));
  CHECK(is_broken<pg_numeric>(pg_oid::numeric, numeric(0, 0, 0x4000, {1})));
  CHECK(is_broken<pg_numeric>(pg_oid::numeric, numeric(0, 0, 0, {1}) + '\0'));
  CHECK(is_broken<pg_numeric>(pg_oid::numeric, numeric(0, 0, 0, {1}).substr(1)));
  CHECK(is_broken<pg_numeric>(pg_oid::numeric, ""));
}

TEST_CASE("times in binary are microseconds from the year 2000") {
  using micros = sys_time<microseconds>;
  auto y2k = sys_days{2000y / 1 / 1};
  CHECK(holds(received_binary<micros>(pg_oid::timestamptz, be(int64_t{-1})), y2k - 1us));
  CHECK(holds(received_binary<system_clock::time_point>(pg_oid::timestamp, be(int64_t{1})),
              y2k + 1us));
  auto latest = be(std::numeric_limits<int64_t>::max());
  auto earliest = be(std::numeric_limits<int64_t>::min());
  CHECK(holds(received_binary<micros>(pg_oid::timestamptz, latest), micros::max()));
  CHECK(holds(received_binary<micros>(pg_oid::timestamptz, earliest), micros::min()));
  auto almost = be(std::numeric_limits<int64_t>::max() - 1);
  CHECK(problem<micros>(pg_oid::timestamptz, almost) ==
        "invalid_argument: column \"x\" (timestamptz) is a timestamp beyond the year 294246");
  CHECK(problem<system_clock::time_point>(pg_oid::timestamptz, almost) ==
        "invalid_argument: column \"x\" (timestamptz) is a timestamp beyond the years 1678 to "
        "2261");
}

TEST_CASE("what is text in binary is read as it is in text") {
  CHECK(holds(received_binary<std::string>(pg_oid::text, "a\nb"), "a\nb"));
  CHECK(holds(received_binary<int>(pg_oid::varchar, "12"), 12));
  CHECK(holds(received_binary<std::vector<int>>(pg_oid::text, "{1,2}"), {1, 2}));
  CHECK(holds(received_binary<pg_json>(pg_oid::json, "[1]"), {"[1]"}));
  CHECK(holds(received_binary<pg_json>(pg_oid::jsonb, "\x01[1]"), {"[1]"}));
  CHECK(is_refused<pg_json>(pg_oid::jsonb, "\x02[1]"));
  CHECK(is_refused<pg_json>(pg_oid::jsonb, ""));
}

TEST_CASE("a type that nobody knows here is text if it looks like it") {
  CHECK(holds(received_binary<std::string>(of_a_user, "happy \xc3\xa4"), "happy \xc3\xa4"));
  for (auto bytes : {"\0\0\0\x02"s, "a\x01"s, "\xff\xfe"s, "a\n"s})
    CHECK(is_refused<std::string>(of_a_user, bytes));
  CHECK(is_refused<int>(of_a_user, "12"));
  // of the server's own types it is known which are
  CHECK(is_refused<std::string>(pg_oid::integer, "abcd"));
  CHECK(is_refused<std::string>(pg_oid::date, "abcd"));
}

TEST_CASE("bytes of another type are refused, even where they would fit") {
  auto four = be(int32_t{1});
  CHECK(is_refused<bool>(pg_oid::single_char, "\x01"));
  CHECK(is_refused<int>(pg_oid::date, four));
  CHECK(is_refused<float>(pg_oid::date, four));
  CHECK(is_refused<pg_numeric>(pg_oid::real, four));
  CHECK(is_refused<blob>(pg_oid::integer, four));
  CHECK(is_refused<uuid>(pg_oid::interval, std::string(16, '\0')));
  CHECK(is_refused<system_clock::time_point>(pg_oid::bigint, be(int64_t{0})));
  CHECK(is_refused<std::vector<int>>(pg_oid::bytea, array(1, pg_oid::integer, 1, 1, {four})));
  CHECK(is_refused<std::vector<int>>(pg_oid::integer, four));
}

TEST_CASE("a scalar of the wrong size is broken") {
  CHECK(is_broken<bool>(pg_oid::boolean, ""));
  CHECK(is_broken<bool>(pg_oid::boolean, "\x02"));
  CHECK(is_broken<int>(pg_oid::integer, "\0\0\0"s));
  CHECK(is_broken<int>(pg_oid::integer, "\0\0\0\0\0"s));
  CHECK(is_broken<double>(pg_oid::double_precision, "\0\0\0\0"s));
  CHECK(is_broken<uuid>(pg_oid::uuid, "\0\0\0\0"s));
  CHECK(is_broken<system_clock::time_point>(pg_oid::timestamptz, "\0\0\0\0"s));
}

// -- arrays ------------------------------------------------------------------------

TEST_CASE("an array in binary") {
  auto one = be(int32_t{1});
  auto two = be(int32_t{2});
  auto both = array(1, pg_oid::integer, 2, 1, {one, two});
  CHECK(holds(received_binary<std::vector<int16_t>>(pg_oid::integer_array, both), {1, 2}));
  auto none = be(int32_t{0}) + be(int32_t{0}) + be(pg_oid::integer);
  CHECK(holds(received_binary<std::vector<int>>(pg_oid::integer_array, none), {}));
  auto null = array(1, pg_oid::integer, 2, 1, {one}) + be(int32_t{-1});
  CHECK(holds(received_binary<std::vector<std::optional<int>>>(pg_oid::integer_array, null),
              {1, std::nullopt}));
  CHECK(problem<std::vector<int>>(pg_oid::integer_array, null) ==
        "invalid_argument: column \"x\" (integer[]) is an array with a null element");
  CHECK(holds(
      received_binary<std::vector<std::string>>(of_a_user + 1, array(1, of_a_user, 1, 1, {"sad"})),
      {"sad"}));
}

TEST_CASE("arrays in binary that are no vectors are refused by name") {
  auto items = std::vector{be(int32_t{1})};
  CHECK(problem<std::vector<int>>(pg_oid::integer_array, array(2, pg_oid::integer, 1, 1, items)) ==
        "invalid_argument: column \"x\" (integer[]) is a nested array");
  CHECK(problem<std::vector<int>>(pg_oid::integer_array, array(1, pg_oid::integer, 1, 0, items)) ==
        "invalid_argument: column \"x\" (integer[]) is an array with bounds of its own");
  CHECK(
      is_refused<std::vector<int>>(pg_oid::integer_array, array(1, pg_oid::smallint, 1, 1, items)));
  CHECK(is_refused<std::vector<int>>(of_a_user, array(1, pg_oid::integer, 1, 1, items)));
  CHECK(
      is_refused<std::vector<bool>>(pg_oid::integer_array, array(1, pg_oid::integer, 1, 1, items)));
}

TEST_CASE("an array in binary whose numbers do not add up is broken") {
  auto item = be(int32_t{1});
  auto sound = array(1, pg_oid::integer, 1, 1, {item});
  for (size_t size = 0; size < sound.size(); ++size)
    CHECK_FALSE(received_binary<std::vector<int>>(pg_oid::integer_array, sound.substr(0, size)));
  for (auto& bytes :
       {sound + '\0', array(1, pg_oid::integer, 2, 1, {item}),
        array(1, pg_oid::integer, std::numeric_limits<int32_t>::max(), 1, {item}),
        array(1, pg_oid::integer, -1, 1, {item}),
        array(1, pg_oid::integer, 1, 1, {}) + be(int32_t{-2}),
        array(1, pg_oid::integer, 1, 1, {}) + be(std::numeric_limits<int32_t>::max())})
    CHECK(is_broken<std::vector<int>>(pg_oid::integer_array, bytes));
}

// -- anything ----------------------------------------------------------------------

namespace {

template <class... Ts>
void read_all(uint32_t type_oid, std::string_view bytes) {
  (static_cast<void>(received_binary<Ts>(type_oid, bytes)), ...);
  (static_cast<void>(received_binary<std::vector<std::optional<Ts>>>(type_oid, bytes)), ...);
}

} // namespace

TEST_CASE("no bytes make the readers of binary stumble") {
  std::mt19937_64 rng{20261128}; // NOLINT(cert-msc51-cpp)
  const uint32_t types[] = {16,   17,   18,   20,   21,   23,   25,       26,
                            700,  701,  1000, 1007, 1114, 1184, 1186,     1187,
                            1231, 1700, 2950, 3802, 2951, 3807, of_a_user};
  for (auto i = 0; i < 20'000; ++i) {
    auto type = types[rng() % std::size(types)];
    std::string bytes(rng() % 40, '\0');
    // Small numbers are what lengths and counts are made of.
    for (auto& c : bytes)
      c = static_cast<char>(rng() % 4 == 0 ? rng() : rng() % 3);
    if (rng() % 2 == 0)
      bytes =
          array(1, types[rng() % std::size(types)], static_cast<int32_t>(rng() % 4), 1, {}) + bytes;
    read_all<bool, int8_t, uint64_t, float, double, std::string, blob, uuid, pg_numeric, pg_json,
             pg_interval, system_clock::time_point>(type, bytes);
  }
}
