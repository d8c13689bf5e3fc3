#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/postgres/interval.hpp"
#include "dbs/messages/postgres/type_oid.hpp"

#include "unit/messages/postgres/conversion.hpp"
#include "unit/messages/serialize.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <limits>
#include <random>
#include <string>

using namespace dbs;
using namespace std::string_literals;
using dbs::test::holds;
using dbs::test::received;
using dbs::test::received_binary;
using dbs::test::sent;

namespace {

constexpr int64_t second = 1'000'000;
constexpr int64_t hour = 3600 * second;

using int32_limits = std::numeric_limits<int32_t>;
using int64_limits = std::numeric_limits<int64_t>;

struct example {
  pg_interval value;
  const char* text;
};

} // namespace

TEST_CASE("an interval is written and read as PostgreSQL prints it") {
  auto [value, text] = GENERATE(values<example>({
      {{}, "00:00:00"},
      {{1, 0, 0}, "1 mon"},
      {{12, 0, 0}, "1 year"},
      {{-14, 1, 0}, "-1 years -2 mons +1 day"},
      {{14, -3, 4 * hour + 306 * second + 789'000}, "1 year 2 mons -3 days +04:05:06.789"},
      {{0, 1, -1}, "1 day -00:00:00.000001"},
      {{0, -1, 500'000}, "-1 days +00:00:00.5"},
      {{-1, 0, second}, "-1 mons +00:00:01"},
      {{0, 0, 100 * hour}, "100:00:00"},
      {{0, 0, int64_limits::max()}, "2562047788:00:54.775807"},
      {{0, 0, int64_limits::min()}, "-2562047788:00:54.775808"},
      {{int32_limits::max(), 0, 0}, "178956970 years 7 mons"},
      {{int32_limits::min(), 0, 0}, "-178956970 years -8 mons"},
      {{0, int32_limits::min(), 0}, "-2147483648 days"},
      {{int32_limits::max(), int32_limits::max(), int64_limits::max()}, "infinity"},
      {{int32_limits::min(), int32_limits::min(), int64_limits::min()}, "-infinity"},
  }));
  INFO(text);
  CHECK(to_string(value) == text);
  CHECK(holds(received<pg_interval>(text, pg_oid::interval), value));
}

TEST_CASE("a parameter is what PostgreSQL prints, but for the clock that it does not read") {
  CHECK(sent(pg_interval{14, -3, hour}) == "1 year 2 mons -3 days +01:00:00");
  CHECK(sent(pg_interval{-1, 1, int64_limits::min()}) ==
        "-1 mons +1 day -9223372036854775808 microseconds");
  CHECK(sent(pg_interval{0, 0, int64_limits::min()}) == "-9223372036854775808 microseconds");
}

TEST_CASE("any interval survives as text") {
  std::mt19937_64 rng{20261128}; // NOLINT(cert-msc51-cpp)
  for (auto i = 0; i < 5000; ++i) {
    auto shift = rng() % 64;
    pg_interval x{static_cast<int32_t>(rng()) >> rng() % 32,
                  static_cast<int32_t>(rng()) >> rng() % 32, static_cast<int64_t>(rng()) >> shift};
    INFO(to_string(x));
    REQUIRE(pg_interval::parse(to_string(x)) == x);
  }
}

TEST_CASE("what is not an interval in PostgreSQL's own style is refused") {
  auto text =
      GENERATE(as<std::string>{}, "", " ", "-", "1", "1 ", "1 day ", "day", "1 month", "1 week",
               "@ 1 day", "1 day ago", "P1D", "1-2", "1-2 3 4:05:06", "3 4:05:06", "4:05:06",
               "04:05", "04:60:00", "04:05:60", "04:05:06.", "04:05:06.1234567", "04:05:06 1 day",
               "1 day  04:05:06", "1 day 1 day", "1 day 1 year", "2147483648 days",
               "-2147483649 days", "178956970 years 8 mons", "9999999999 years", "99999999999 days",
               "2562047788:00:54.775808", "-2562047788:00:54.775809", "2562047789:00:00",
               "9999999999:00:00", "+-1 day", "Infinity", "1 day\n");
  INFO(text);
  CHECK_FALSE(pg_interval::parse(text));
  CHECK(describe(received<pg_interval>(text, pg_oid::interval).error()) ==
        "invalid_argument: column \"x\" (interval) is not an interval in PostgreSQL's own style");
}

TEST_CASE("an interval in binary has its three parts, or is refused") {
  auto bytes = "\0\0\0\0\0\x0f\x42\x40\xff\xff\xff\xff\0\0\0\x0e"s;
  CHECK(holds(received_binary<pg_interval>(pg_oid::interval, bytes), {14, -1, second}));
  CHECK_FALSE(received_binary<pg_interval>(pg_oid::interval, bytes.substr(1)));
  CHECK_FALSE(received_binary<pg_interval>(pg_oid::interval, bytes + '\0'));
  CHECK_FALSE(received_binary<pg_interval>(pg_oid::uuid, bytes));
}
