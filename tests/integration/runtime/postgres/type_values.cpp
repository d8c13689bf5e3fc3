#include "integration/runtime/postgres/type_values.hpp"

#include <bit>
#include <cmath>

namespace dbs::tests {

using namespace std::chrono;
using namespace std::string_literals;

namespace {

/// Microseconds since the year 2000.
template <class Time>
std::string image_of_time(const Time& x) {
  using limits = std::numeric_limits<int64_t>;
  if (x == Time::max() || x == Time::min())
    return image(x == Time::max() ? limits::max() : limits::min());
  return image(int64_t{(floor<microseconds>(x) - pg_long_time{sys_days{2000y / 1 / 1}}).count()});
}

template <class Bits, class T>
T any_number(random_source& random) {
  auto x = std::bit_cast<T>(static_cast<Bits>(random()));
  return std::isnan(x) ? std::numeric_limits<T>::quiet_NaN() : x;
}

template <class T>
std::vector<T> edges_of_floats() {
  using limits = std::numeric_limits<T>;
  return {T{0},
          -T{0},
          T{1},
          T(1) / 3,
          T(0.1),
          limits::max(),
          limits::lowest(),
          limits::min(),
          limits::denorm_min(),
          -limits::denorm_min(),
          std::nextafter(limits::min(), T{0}),
          limits::epsilon(),
          limits::infinity(),
          -limits::infinity(),
          limits::quiet_NaN()};
}

pg_long_time between(sys_days first, sys_days last, random_source& random) {
  // Unsigned: the span is larger than what a signed number holds.
  auto begin = static_cast<uint64_t>(pg_long_time{first}.time_since_epoch().count());
  auto end = static_cast<uint64_t>(pg_long_time{last}.time_since_epoch().count());
  return pg_long_time{microseconds{static_cast<int64_t>(begin + random() % (end - begin))}};
}

std::string digits(random_source& random, size_t count) {
  std::string result;
  for (; count > 0; --count)
    result += static_cast<char>('0' + random() % 10);
  return result;
}

// The calendar of std::chrono ends in the year 32767.
constexpr sys_days first_of_server = sys_days{year{-4713} / 11 / 24};
constexpr sys_days last_of_microseconds = sys_days{days{106'751'980}};

} // namespace

// -- images ------------------------------------------------------------------------

std::string hex(std::string_view bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string result;
  for (auto c : bytes) {
    result += digits[static_cast<unsigned char>(c) >> 4];
    result += digits[static_cast<unsigned char>(c) & 15];
  }
  return result;
}

std::string image(bool x) {
  return x ? "01" : "00";
}

std::string image(float x) {
  return image(std::bit_cast<uint32_t>(x));
}

std::string image(double x) {
  return image(std::bit_cast<uint64_t>(x));
}

std::string image(const std::string& x) {
  return hex(x);
}

std::string image(const blob& x) {
  return hex(x.view());
}

std::string image(const pg_time& x) {
  return image_of_time(x);
}

std::string image(const pg_long_time& x) {
  return image_of_time(x);
}

std::string image(const pg_interval& x) {
  return image(x.microseconds) + image(x.days) + image(x.months);
}

std::string image(const uuid& x) {
  return hex({reinterpret_cast<const char*>(x.bytes.data()), x.bytes.size()});
}

std::string image(const pg_numeric& x) {
  return hex(x.text());
}

std::string image(const pg_json& x) {
  return hex(x.text);
}

// -- random values -----------------------------------------------------------------

bool any_bool(random_source& random) {
  return random() % 2 == 0;
}

float any_float(random_source& random) {
  return any_number<uint32_t, float>(random);
}

double any_double(random_source& random) {
  return any_number<uint64_t, double>(random);
}

std::string any_text(random_source& random) {
  static constexpr const char* pieces[] = {"a",
                                           "Z",
                                           "0",
                                           " ",
                                           "\"",
                                           "'",
                                           "\\",
                                           ",",
                                           "{",
                                           "}",
                                           "\n",
                                           "\t",
                                           "(",
                                           "$1",
                                           "\xc3\xa4",
                                           "\xe2\x82\xac",
                                           "\xf0\x9f\x90\x98",
                                           "NULL",
                                           "--",
                                           ";"};
  std::string result;
  for (auto n = random() % 12; n > 0; --n)
    result += pieces[random() % std::size(pieces)];
  return result;
}

blob any_bytes(random_source& random) {
  std::string bytes(random() % 40, '\0');
  for (auto& x : bytes)
    x = static_cast<char>(random());
  return blob{bytes};
}

pg_time any_time(random_source& random) {
  return between(sys_days{1678y / 1 / 1}, sys_days{2262y / 1 / 1}, random);
}

pg_long_time any_long_time(random_source& random) {
  auto near = random() % 2 == 0; // half of them about the birth of Christ
  return near ? between(first_of_server, sys_days{1000y / 1 / 1}, random)
              : between(first_of_server, last_of_microseconds, random);
}

pg_interval any_interval(random_source& random) {
  auto part = [&] {
    auto bits = static_cast<int32_t>(random() >> 32);
    return random() % 4 == 0 ? 0 : bits >> random() % 31;
  };
  auto months = part();
  auto days = part();
  auto shift = random() % 63;
  return {months, days, random() % 4 == 0 ? 0 : static_cast<int64_t>(random()) >> shift};
}

uuid any_uuid(random_source& random) {
  uuid result;
  for (auto& x : result.bytes)
    x = static_cast<uint8_t>(random());
  return result;
}

pg_numeric any_numeric(random_source& random) {
  std::string text{random() % 2 == 0 ? "-" : ""};
  if (random() % 2 == 0)
    text += "0";
  else
    text.append(1, static_cast<char>('1' + random() % 9)).append(digits(random, random() % 60));
  // Never zero, which has no sign.
  text.append(".").append(digits(random, random() % 60)).append("1");
  return pg_numeric::parse(text).value();
}

pg_json any_json(random_source& random) {
  auto text = R"({"a": [#, null, true, -0.5], "bc": "it's \\ \"#\" ä"})"s;
  for (auto at = text.find('#'); at != std::string::npos; at = text.find('#'))
    text.replace(at, 1, std::to_string(random() % 1000));
  return {text};
}

// -- edges -------------------------------------------------------------------------

std::vector<float> floats() {
  return edges_of_floats<float>();
}

std::vector<double> doubles() {
  return edges_of_floats<double>();
}

std::vector<pg_time> times() {
  return {pg_time{}, sys_days{2000y / 1 / 1},
          sys_days{2024y / 2 / 29} + 23h + 59min + 59s + 999'999us, sys_days{1678y / 1 / 2},
          sys_days{2261y / 12 / 30} + 1us,
          // Clocks were put forward, and back, in Berlin.
          sys_days{2024y / 3 / 31} + 1h, sys_days{2024y / 10 / 27} + 30min,
          sys_days{2024y / 10 / 27} + 1h + 30min,
          // Before the time zones.
          sys_days{1850y / 6 / 1} + 12h, pg_time::max(), pg_time::min()};
}

std::vector<pg_long_time> long_times() {
  return {first_of_server, sys_days{year{-43} / 3 / 15} + 12h, sys_days{0y / 2 / 29},
          sys_days{1y / 1 / 1} - 1us, sys_days{1y / 1 / 1}, sys_days{9999y / 12 / 31} + 1us,
          sys_days{10'000y / 1 / 1},
          // Behind it comes the year 294247.
          last_of_microseconds, pg_long_time::max(), pg_long_time::min()};
}

std::vector<pg_interval> intervals() {
  using months = std::numeric_limits<int32_t>;
  using clock = std::numeric_limits<int64_t>;
  return {{},
          {months::max(), 0, 0},
          {months::min(), 0, 0},
          {0, months::max(), 0},
          {0, months::min(), 0},
          {0, 0, clock::max()},
          {0, 0, clock::min()},
          {months::min(), months::max(), clock::min()},
          {11, 0, 0},
          {-13, 0, 1},
          {-1, 1, -1},
          {1, -1, 1},
          {0, -1, 0},
          {0, 0, 86'400'000'000}};
}

std::vector<pg_numeric> numerics() {
  std::vector<pg_numeric> result;
  for (auto text : {"0", "0.00", "1.500", "-1", "NaN", "Infinity", "-Infinity",
                    "0.0000000000000001", "18446744073709551616", "10000", "9999.9999", "100000000",
                    "-0.00010", "0.00001", "120034.560"})
    result.push_back(pg_numeric::parse(text).value());
  auto longest = "1"s.append(1000, '0').append(".").append(500, '9');
  result.push_back(pg_numeric::parse(longest).value());
  return result;
}

std::vector<std::string> texts() {
  return {"", "NULL", "null", "{}", " ", "\"", "\\", "a,b", "\\x41"};
}

} // namespace dbs::tests
