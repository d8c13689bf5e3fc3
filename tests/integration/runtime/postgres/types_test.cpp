// Every type of types.hpp to a real server and back: what it stores must be what we
// sent, byte for byte in its own binary format, and what comes back as well.
#include "integration/runtime/postgres/connection_scene.hpp"

#include <catch2/catch_get_random_seed.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <bit>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>

using namespace dbs;
using namespace dbs::testing;
using namespace std::string_literals;
using pg_time = std::chrono::system_clock::time_point;

namespace {

using random_source = std::mt19937_64;

// -- images: what the server's send functions give, in hexadecimal -----------------

std::string hex(std::string_view bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string result;
  for (auto c : bytes) {
    result += digits[static_cast<unsigned char>(c) >> 4];
    result += digits[static_cast<unsigned char>(c) & 15];
  }
  return result;
}

template <std::integral T>
std::string image(T x) {
  std::string bytes;
  for (auto shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8)
    bytes += static_cast<char>(static_cast<uint64_t>(x) >> shift & 0xff);
  return hex(bytes);
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

/// Microseconds since the year 2000.
std::string image(const pg_time& x) {
  using namespace std::chrono;
  if (x == pg_time::max() || x == pg_time::min())
    return image(x == pg_time::max() ? std::numeric_limits<int64_t>::max()
                                     : std::numeric_limits<int64_t>::min());
  return image(int64_t{(floor<microseconds>(x) - sys_days{2000y / 1 / 1}).count()});
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

// -- random values -------------------------------------------------------------------

bool any_bool(random_source& random) {
  return random() % 2 == 0;
}

template <class T>
T any_bits(random_source& random) {
  return static_cast<T>(random());
}

template <std::floating_point T, class Bits>
T any_float(random_source& random) {
  auto x = std::bit_cast<T>(static_cast<Bits>(random()));
  return std::isnan(x) ? std::numeric_limits<T>::quiet_NaN() : x;
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
  using namespace std::chrono;
  auto first = sys_days{1678y / 1 / 1};
  auto last = sys_days{2262y / 1 / 1};
  auto span = static_cast<uint64_t>(duration_cast<microseconds>(last - first).count());
  return first + microseconds{static_cast<int64_t>(random() % span)};
}

uuid any_uuid(random_source& random) {
  uuid result;
  for (auto& x : result.bytes)
    x = static_cast<uint8_t>(random());
  return result;
}

std::string digits(random_source& random, size_t count) {
  std::string result;
  for (; count > 0; --count)
    result += static_cast<char>('0' + random() % 10);
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

/// As jsonb prints it.
pg_json any_json(random_source& random) {
  auto text = R"({"a": [#, null, true, -0.5], "bc": "it's \\ \"#\" ä"})"s;
  for (auto at = text.find('#'); at != std::string::npos; at = text.find('#'))
    text.replace(at, 1, std::to_string(random() % 1000));
  return {text};
}

// -- the table -----------------------------------------------------------------------

/// A type with its values, as parameters and as images.
struct kind {
  struct value {
    std::string image;
    pg_params params;
  };

  /// As pg_typeof spells it.
  std::string type;
  /// What the server makes of a value, with @ for the value.
  std::string image_sql;
  std::vector<value> values;
  /// An array of all values and some nulls, and the images of those.
  pg_params all;
  std::string all_images;
  pg_params null;
  pg_params empty_array;
  /// What a cell has become here: its image, "null", or what is wrong with it.
  std::string (*read)(const pg_row&, size_t);
  /// The same for an array, separated by blanks.
  std::string (*read_array)(const pg_row&, size_t);
};

template <class T>
std::string read(const pg_row& row, size_t column) {
  auto x = row.get<std::optional<T>>(column);
  if (!x)
    return describe(x.error());
  return *x ? image(**x) : "null";
}

template <class T>
std::string read_array(const pg_row& row, size_t column) {
  auto xs = row.get<std::vector<std::optional<T>>>(column);
  if (!xs)
    return describe(xs.error());
  std::string result;
  for (auto& x : *xs)
    result.append(result.empty() ? "" : " ").append(x ? image(*x) : "null");
  return result;
}

template <class T>
kind make_kind(std::string type, std::string image_sql, const std::vector<T>& special,
               T (*any)(random_source&), random_source& random) {
  kind result;
  result.type = std::move(type);
  result.image_sql = std::move(image_sql);
  std::vector<std::optional<T>> all{std::nullopt};
  result.all_images = "null";
  auto add = [&](T x) {
    auto& value = result.values.emplace_back(kind::value{image(x), make_params(x)});
    all.emplace_back(std::move(x));
    result.all_images.append(" ").append(value.image);
    if (random() % 8 == 0) {
      all.emplace_back();
      result.all_images.append(" null");
    }
  };
  for (T x : special)
    add(std::move(x));
  for (int i = 0; i < 200; ++i)
    add(any(random));
  result.all = make_params(all);
  result.null = make_params(std::optional<T>{});
  result.empty_array = make_params(std::vector<T>{});
  result.read = read<T>;
  result.read_array = read_array<T>;
  return result;
}

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
  return text;
}

void check_kind(observed_connection& conn, const kind& x) {
  INFO("type " << x.type);
  auto ask = [&](std::string_view sql, std::string_view value, const pg_params& params) {
    auto text = replaced(replaced(std::string{sql}, "IMAGE", x.image_sql), "@", value);
    conn.send({replaced(text, "TYPE", x.type), params});
    auto result = conn.next_result();
    INFO(describe(result ? caf::error{} : result.error()));
    REQUIRE(result);
    return *result;
  };
  // given each value alone
  for (auto& value : x.values) {
    INFO("a value with the image " << value.image);
    auto result = ask("select @, pg_typeof(@)::text, 'TYPE'::regtype::oid::int8, IMAGE", "$1::TYPE",
                      value.params);
    // then the server has it, and gives it back
    REQUIRE(result.row(0).text(3) == value.image);
    REQUIRE(x.read(result.row(0), 0) == value.image);
    REQUIRE(result.row(0).text(1) == x.type);
    REQUIRE(result.row(0).text(2) == std::to_string(result.column(0).type_oid));
  }
  // given null
  auto nothing = ask("select @, @ is null", "$1::TYPE", x.null);
  CHECK(nothing.row(0).is_null(0));
  CHECK(nothing.row(0).text(1) == "t");
  CHECK(x.read(nothing.row(0), 0) == "null");
  // given all of them in an array, with nulls among them
  auto array = ask("select $1::TYPE[], pg_typeof($1::TYPE[])::text, array_ndims($1::TYPE[]), "
                   "(select string_agg(coalesce(IMAGE, 'null'), ' ' order by n) "
                   "from unnest($1::TYPE[]) with ordinality as u(v, n))",
                   "v", x.all);
  CHECK(array.row(0).text(1) == x.type + "[]");
  CHECK(array.row(0).text(2) == "1");
  CHECK(array.row(0).text(3) == x.all_images);
  CHECK(x.read_array(array.row(0), 0) == x.all_images);
  // given an empty array
  auto empty = ask("select $1::TYPE[], cardinality($1::TYPE[])", "", x.empty_array);
  CHECK(empty.row(0).text(1) == "0");
  CHECK(x.read_array(empty.row(0), 0).empty());
}

template <class T>
std::vector<T> integers() {
  using limits = std::numeric_limits<T>;
  return {limits::min(), limits::max(), T{0}, T{-1}, T{1}};
}

template <class T>
std::vector<T> floats() {
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

std::vector<pg_time> times() {
  using namespace std::chrono;
  return {pg_time{}, sys_days{2000y / 1 / 1},
          sys_days{2024y / 2 / 29} + 23h + 59min + 59s + 999'999us, sys_days{1678y / 1 / 2},
          sys_days{2261y / 12 / 30} + 1us,
          // Clocks were put forward, and back, in Berlin.
          sys_days{2024y / 3 / 31} + 1h, sys_days{2024y / 10 / 27} + 30min,
          sys_days{2024y / 10 / 27} + 1h + 30min,
          // Before the time zones.
          sys_days{1850y / 6 / 1} + 12h, pg_time::max(), pg_time::min()};
}

std::vector<pg_numeric> numerics() {
  std::vector<pg_numeric> result;
  for (auto text : {"0", "0.00", "1.500", "-1", "NaN", "Infinity", "-Infinity",
                    "0.0000000000000001", "18446744073709551616"})
    result.push_back(pg_numeric::parse(text).value());
  auto longest = "1"s.append(1000, '0').append(".").append(500, '9');
  result.push_back(pg_numeric::parse(longest).value());
  return result;
}

std::vector<std::string> texts() {
  return {"", "NULL", "null", "{}", " ", "\"", "\\", "a,b", "\\x41"};
}

/// The value in the server's binary format.
std::string sent_by(const char* function) {
  return std::string{"encode("}.append(function).append("(@), 'hex')");
}

void check_all_kinds(observed_connection& conn) {
  auto seed = Catch::getSeed();
  INFO("with --rng-seed " << seed);
  random_source random{seed};
  auto check = [&]<class T>(const char* type, std::string image_sql, const std::vector<T>& special,
                            T (*any)(random_source&)) {
    check_kind(conn, make_kind<T>(type, std::move(image_sql), special, any, random));
  };
  const std::string text = "encode(convert_to(@::text, 'UTF8'), 'hex')";
  check("boolean", sent_by("boolsend"), std::vector{true, false}, any_bool);
  check("smallint", sent_by("int2send"), integers<int16_t>(), any_bits<int16_t>);
  check("integer", sent_by("int4send"), integers<int32_t>(), any_bits<int32_t>);
  check("bigint", sent_by("int8send"), integers<int64_t>(), any_bits<int64_t>);
  check("real", sent_by("float4send"), floats<float>(), any_float<float, uint32_t>);
  check("double precision", sent_by("float8send"), floats<double>(), any_float<double, uint64_t>);
  check("text", text, texts(), any_text);
  check("bytea", "encode(@, 'hex')", std::vector{blob{}, blob{"\\'\"\xff"}}, any_bytes);
  check("timestamp with time zone", sent_by("timestamptz_send"), times(), any_time);
  check("timestamp without time zone", sent_by("timestamp_send"), times(), any_time);
  check("uuid", sent_by("uuid_send"), std::vector{uuid{}}, any_uuid);
  check("numeric", text, numerics(), any_numeric);
  check("json", text, std::vector<pg_json>{{"null"}, {"  [1,2]  "}, {"\"\""}}, any_json);
  check("jsonb", text, std::vector<pg_json>{{"null"}, {"[1, 2]"}, {"\"\""}}, any_json);
}

} // namespace

TEST_CASE("every type goes to the server and back as it is") {
  private_postgres server;
  connection_loop loop;
  observed_connection conn{loop, settings_for(server)};
  conn.open();
  auto zone = GENERATE("UTC", "Europe/Berlin", "America/St_Johns");
  REQUIRE(conn.command(std::string{"set timezone = '"} + zone + "'"));
  check_all_kinds(conn);
}

TEST_CASE("every type goes to the server and back however the server is set up") {
  const std::map<std::string, std::string> hostile{{"datestyle", "German"},
                                                   {"bytea_output", "escape"},
                                                   {"extra_float_digits", "0"},
                                                   {"timezone", "America/St_Johns"},
                                                   {"intervalstyle", "sql_standard"}};
  private_postgres_options options;
  SECTION("by its configuration") {
    options.settings = hostile;
  }
  SECTION("by the settings of the role") {}
  private_postgres server{options};
  if (options.settings.empty())
    for (auto& [name, value] : hostile)
      server.psql("alter role postgres set " + name + " = '" + value + "'");
  connection_loop loop;
  observed_connection conn{loop, settings_for(server)};
  conn.open();
  check_all_kinds(conn);
}
