// Every type of types.hpp to a real server and back, in text and in binary: what it
// stores must be what we sent, byte for byte in its own binary format, and what comes
// back as well.
#include "integration/runtime/postgres/connection_scene.hpp"
#include "integration/runtime/postgres/type_values.hpp"

#include <catch2/catch_get_random_seed.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <cstdint>
#include <map>
#include <optional>

using namespace dbs;
using namespace dbs::testing;
using namespace dbs::tests;

namespace {

// -- the table -----------------------------------------------------------------------

/// A type with its values, as parameters and as images.
struct kind {
  struct value {
    std::string image;
    pg_params params;
    /// As the server prints it.
    std::string text;
  };

  /// As pg_typeof spells it.
  std::string type;
  /// What the server makes of a value, with @ for the value.
  std::string image_sql;
  /// Whether there is but one spelling of a value.
  bool same_text = true;
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
  // Floats and times have several spellings; their images have not.
  result.same_text = !std::is_floating_point_v<T> && !std::is_same_v<T, pg_time> &&
                     !std::is_same_v<T, pg_long_time>;
  result.type = std::move(type);
  result.image_sql = std::move(image_sql);
  std::vector<std::optional<T>> all{std::nullopt};
  result.all_images = "null";
  auto add = [&](T x) {
    auto& value = result.values.emplace_back(kind::value{image(x), make_params(x), {}});
    if constexpr (std::is_same_v<T, pg_interval>)
      value.text = to_string(x);
    else
      value.text = value.params.c_str(0);
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

void check_kind(observed_connection& conn, const kind& x, bool binary) {
  INFO("type " << x.type << (binary ? ", results in binary" : ""));
  auto ask = [&](std::string_view sql, std::string_view value, const pg_params& params) {
    auto text = replaced(replaced(std::string{sql}, "IMAGE", x.image_sql), "@", value);
    conn.send({replaced(text, "TYPE", x.type), params, true, binary});
    auto result = conn.next_result();
    INFO(describe(result ? caf::error{} : result.error()));
    REQUIRE(result);
    REQUIRE(result->column(0).format == (binary ? 1 : 0));
    return *result;
  };
  // given each value alone
  for (auto& value : x.values) {
    INFO("a value with the image " << value.image);
    auto result = ask("select @, pg_typeof(@)::text, 'TYPE'::regtype::oid::int8, IMAGE, @::text",
                      "$1::TYPE", value.params);
    auto row = result.row(0);
    // then the server has it, and gives it back
    REQUIRE(row.text(3) == value.image);
    REQUIRE(x.read(row, 0) == value.image);
    REQUIRE(row.text(1) == x.type);
    REQUIRE(row.get<uint32_t>(2) == result.column(0).type_oid);
    if (x.same_text)
      REQUIRE(row.text(4) == value.text);
  }
  // given null
  auto nothing = ask("select @, (@ is null)::text", "$1::TYPE", x.null);
  CHECK(nothing.row(0).is_null(0));
  CHECK(nothing.row(0).text(1) == "true");
  CHECK(x.read(nothing.row(0), 0) == "null");
  // given all of them in an array, with nulls among them
  auto array = ask("select $1::TYPE[], pg_typeof($1::TYPE[])::text, array_ndims($1::TYPE[])::text, "
                   "(select string_agg(coalesce(IMAGE, 'null'), ' ' order by n) "
                   "from unnest($1::TYPE[]) with ordinality as u(v, n))",
                   "v", x.all);
  CHECK(array.row(0).text(1) == x.type + "[]");
  CHECK(array.row(0).text(2) == "1");
  CHECK(array.row(0).text(3) == x.all_images);
  CHECK(x.read_array(array.row(0), 0) == x.all_images);
  // given an empty array
  auto empty = ask("select $1::TYPE[], cardinality($1::TYPE[])::text", "", x.empty_array);
  CHECK(empty.row(0).text(1) == "0");
  CHECK(x.read_array(empty.row(0), 0).empty());
  // given arrays that are no vectors
  auto nested = ask("select array[$1::TYPE[], $1::TYPE[]]", "", x.all);
  CHECK(x.read_array(nested.row(0), 0).find("column \"array\"") != std::string::npos);
  CHECK(x.read_array(nested.row(0), 0).find("is a nested array") != std::string::npos);
  auto shifted =
      ask("select array_fill($1::TYPE, array[1], array[0]) as a", "", x.values[0].params);
  CHECK(x.read_array(shifted.row(0), 0).find("is an array with bounds of its own") !=
        std::string::npos);
}

/// The value in the server's binary format.
std::string sent_by(const char* function) {
  return std::string{"encode("}.append(function).append("(@), 'hex')");
}

void check_all_kinds(observed_connection& conn, bool binary) {
  auto seed = Catch::getSeed();
  INFO("with --rng-seed " << seed);
  random_source random{seed};
  auto check = [&]<class T>(const char* type, std::string image_sql, const std::vector<T>& special,
                            T (*any)(random_source&)) {
    check_kind(conn, make_kind<T>(type, std::move(image_sql), special, any, random), binary);
  };
  const std::string text = "encode(convert_to(@::text, 'UTF8'), 'hex')";
  check("boolean", sent_by("boolsend"), std::vector{true, false}, any_bool);
  check("smallint", sent_by("int2send"), integers<int16_t>(), any_bits<int16_t>);
  check("integer", sent_by("int4send"), integers<int32_t>(), any_bits<int32_t>);
  check("bigint", sent_by("int8send"), integers<int64_t>(), any_bits<int64_t>);
  check("real", sent_by("float4send"), floats(), any_float);
  check("double precision", sent_by("float8send"), doubles(), any_double);
  check("text", text, texts(), any_text);
  check("bytea", "encode(@, 'hex')", std::vector{blob{}, blob{"\\'\"\xff"}}, any_bytes);
  check("timestamp with time zone", sent_by("timestamptz_send"), times(), any_time);
  check("timestamp without time zone", sent_by("timestamp_send"), times(), any_time);
  check("timestamp with time zone", sent_by("timestamptz_send"), long_times(), any_long_time);
  check("timestamp without time zone", sent_by("timestamp_send"), long_times(), any_long_time);
  check("interval", sent_by("interval_send"), intervals(), any_interval);
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
  auto [zone, binary] = GENERATE(table<std::string, bool>({{"UTC", false},
                                                           {"UTC", true},
                                                           {"Europe/Berlin", false},
                                                           {"America/St_Johns", false},
                                                           {"America/St_Johns", true}}));
  REQUIRE(conn.command("set timezone = '" + zone + "'"));
  check_all_kinds(conn, binary);
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
  check_all_kinds(conn, false);
}
