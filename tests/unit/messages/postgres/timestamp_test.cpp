#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/postgres/timestamp.hpp"

#include "unit/messages/postgres/conversion.hpp"
#include "unit/messages/serialize.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <chrono>
#include <random>
#include <string>

using namespace dbs;
using namespace std::chrono;
using dbs::test::holds;
using dbs::test::received;
using dbs::test::sent;

using instant = system_clock::time_point;

namespace {

constexpr uint32_t timestamptz = 1184;

instant at(int y, unsigned m, unsigned d, nanoseconds since_midnight = 0ns) {
  return sys_days{year{y} / month{m} / day{d}} + since_midnight;
}

caf::expected<instant> read(std::string_view text) {
  return received<instant>(text, timestamptz);
}

} // namespace

TEST_CASE("a time is written in UTC with microseconds") {
  CHECK(sent(at(2024, 2, 29, 13h + 4min + 5s + 678901us)) == "2024-02-29 13:04:05.678901+00");
  CHECK(sent(instant{}) == "1970-01-01 00:00:00.000000+00");
  CHECK(sent(at(1969, 12, 31, 23h + 59min + 59s + 1us)) == "1969-12-31 23:59:59.000001+00");
}

TEST_CASE("what is finer than a microsecond is rounded down, before 1970 as well") {
  CHECK(sent(instant{} + 1999ns) == "1970-01-01 00:00:00.000001+00");
  CHECK(sent(instant{} - 1ns) == "1969-12-31 23:59:59.999999+00");
}

TEST_CASE("times survive the way to the server and back") {
  std::mt19937_64 rng{20261123}; // NOLINT(cert-msc51-cpp)
  // In microseconds: the whole range does not fit into a duration of nanoseconds.
  sys_time<microseconds> first = sys_days{year{1678} / 1 / 1};
  sys_time<microseconds> last = sys_days{year{2262} / 1 / 1};
  auto range = static_cast<uint64_t>((last - first).count());
  for (auto i = 0; i < 2000; ++i) {
    instant x = first + microseconds{static_cast<int64_t>(rng() % range)};
    INFO(sent(x));
    auto copy = read(sent(x));
    REQUIRE(copy);
    REQUIRE(*copy == x);
  }
}

TEST_CASE("a time is read with any offset") {
  auto noon = at(2024, 1, 31, 12h);
  CHECK(holds(read("2024-01-31 12:00:00+00"), noon));
  CHECK(holds(read("2024-01-31 17:30:00+05:30"), noon));
  CHECK(holds(read("2024-01-31 09:00:00-03"), noon));
  CHECK(holds(read("2024-01-31 12:53:28+00:53:28"), noon));
  CHECK(holds(read("2024-02-01 02:00:00+14"), noon));
  CHECK(holds(read("2024-01-31 12:00:00"), noon));
}

TEST_CASE("fractions of a second are read as they are written") {
  auto noon = at(2024, 1, 31, 12h);
  CHECK(holds(read("2024-01-31 12:00:00.5+00"), noon + 500ms));
  CHECK(holds(read("2024-01-31 12:00:00.000001+00"), noon + 1us));
  CHECK(holds(read("2024-01-31 12:00:00.123456+00"), noon + 123456us));
}

TEST_CASE("infinity is the end of time on either side") {
  CHECK(holds(read("infinity"), instant::max()));
  CHECK(holds(read("-infinity"), instant::min()));
  CHECK(sent(instant::max()) == "infinity");
  CHECK(sent(instant::min()) == "-infinity");
}

TEST_CASE("times that the system clock cannot hold are refused, not wrapped") {
  auto text = GENERATE(as<std::string>{}, "0044-03-15 12:00:00+00 BC", "4713-01-01 00:00:00+00 BC",
                       "1677-01-01 00:00:00+00", "2262-06-01 00:00:00+00", "9999-12-31 23:59:59+00",
                       "294276-12-31 23:59:59.999999+00", "0001-01-01 00:00:00+00",
                       "2024-01-31 12:00:00+00 BC");
  INFO(text);
  auto x = read(text);
  REQUIRE_FALSE(x);
  CHECK(
      describe(x.error()) ==
      "invalid_argument: column \"x\" (timestamptz) is a timestamp beyond the years 1678 to 2261");
}

// -- microseconds ------------------------------------------------------------------

namespace {

using micros = sys_time<microseconds>;

} // namespace

TEST_CASE("microseconds reach from before Christ to the year 294246") {
  CHECK(sent(micros{sys_days{year{-43} / 3 / 15} + 12h}) == "0044-03-15 12:00:00.000000+00 BC");
  CHECK(sent(micros{sys_days{year{0} / 2 / 29}}) == "0001-02-29 00:00:00.000000+00 BC");
  CHECK(sent(micros{sys_days{year{1} / 1 / 1} - 1us}) == "0001-12-31 23:59:59.999999+00 BC");
  CHECK(holds(received<micros>("4714-11-24 00:00:00+00 BC"), sys_days{year{-4713} / 11 / 24}));
  auto last = received<micros>("294246-12-31 23:59:59.999999+00");
  REQUIRE(last);
  CHECK(sent(*last) == "294246-12-31 23:59:59.999999+00");
  CHECK(sent(micros::max() - 1us) == "294247-01-10 04:00:54.775806+00");
  CHECK(sent(micros::min() + 1us) == "290309-12-21 19:59:05.224193+00 BC");
  CHECK(describe(received<micros>("294247-01-01 00:00:00+00", timestamptz).error()) ==
        "invalid_argument: column \"x\" (timestamptz) is a timestamp beyond the year 294246");
  CHECK_FALSE(received<micros>("999999-01-01 00:00:00+00"));
  CHECK_FALSE(received<micros>("999999-01-01 00:00:00+00 BC"));
  CHECK_FALSE(received<micros>("0000-01-01 00:00:00+00"));
}

TEST_CASE("infinity in microseconds is the end of time on either side") {
  CHECK(holds(received<micros>("infinity"), micros::max()));
  CHECK(holds(received<micros>("-infinity"), micros::min()));
  CHECK(sent(micros::max()) == "infinity");
  CHECK(sent(micros::min()) == "-infinity");
}

TEST_CASE("the calendar is that of std::chrono, as far as that goes") {
  for (auto day = sys_days{year{-5000} / 1 / 1}; day < sys_days{year{12'000} / 1 / 1};
       day += days{97}) {
    year_month_day date{day};
    auto text = sent(micros{day});
    INFO(text);
    auto y = static_cast<int>(date.year());
    REQUIRE(std::stoi(text) == (y > 0 ? y : 1 - y));
    REQUIRE(text.ends_with(" BC") == (y <= 0));
    auto rest = text.substr(text.find('-') + 1);
    REQUIRE(std::stoul(rest) == static_cast<unsigned>(date.month()));
    REQUIRE(std::stoul(rest.substr(3)) == static_cast<unsigned>(date.day()));
    REQUIRE(holds(received<micros>(text), day));
  }
}

TEST_CASE("which times the system clock can hold is a matter of UTC") {
  CHECK(holds(read("1677-12-31 23:00:00-02"), at(1678, 1, 1, 1h)));
  CHECK_FALSE(read("1678-01-01 01:00:00+02"));
  CHECK(holds(read("2262-01-01 01:00:00+02"), at(2261, 12, 31, 23h)));
  CHECK_FALSE(read("2261-12-31 23:00:00-02"));
}

TEST_CASE("what is not a timestamp in ISO format is refused") {
  auto text =
      GENERATE(as<std::string>{}, "", "yesterday", "2024-01-31", "12:00:00", "31/01/2024 12:00:00",
               "Wed Jan 31 12:00:00 2024 UTC", "2024-02-30 12:00:00+00", "2023-02-29 12:00:00+00",
               "2024-13-01 12:00:00+00", "2024-00-01 12:00:00+00", "2024-01-00 12:00:00+00",
               "2024-01-31 24:00:00+00", "2024-01-31 12:60:00+00", "2024-01-31 12:00:60+00",
               "2024-01-31 12:00:00.+00", "2024-01-31 12:00:00.1234567+00", "2024-01-31 12:00:00+",
               "2024-01-31 12:00:00+5", "2024-01-31 12:00:00+05:", "2024-01-31 12:00:00+00 AD",
               "2024-01-31 12:00:00+00x", "-2024-01-31 12:00:00+00", "Infinity",
               "2024-01-31  12:00:00+00", "9999999-01-31 12:00:00+00");
  INFO(text);
  auto x = read(text);
  REQUIRE_FALSE(x);
  CHECK(describe(x.error()) ==
        "invalid_argument: column \"x\" (timestamptz) is not a timestamp in ISO format");
}
