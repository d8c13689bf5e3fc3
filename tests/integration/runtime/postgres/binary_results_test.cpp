// Results in binary from a real server: however a statement runs, whatever is asked of
// which column, and types that the server's users have made.
#include "integration/runtime/postgres/connection_scene.hpp"
#include "integration/runtime/postgres/type_values.hpp"

#include <catch2/generators/catch_generators.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace dbs;
using namespace dbs::testing;
using dbs::tests::image;
using dbs::tests::pg_long_time;
using dbs::tests::pg_time;

namespace {

enum class mood { happy, sad };

/// An amount of money.
struct price {
  int64_t cents = 0;

  friend bool operator==(const price&, const price&) = default;
};

} // namespace

template <>
struct dbs::pg_codec<mood> {
  static pg_problem encode(const mood& x, std::string& out) {
    out += x == mood::sad ? "sad, \"really\"" : "happy";
    return nullptr;
  }

  static pg_problem decode(std::string_view text, mood& out) {
    out = text == "happy" ? mood::happy : mood::sad;
    return text == "happy" || text == "sad, \"really\"" ? nullptr : "is not a mood";
  }
};

template <>
struct dbs::pg_codec<price> {
  static pg_problem encode(const price& x, std::string& out) {
    return pg_codec<int64_t>::encode(x.cents, out);
  }

  static pg_problem decode(std::string_view text, price& out) {
    return pg_codec<int64_t>::decode(text, out.cents);
  }

  static pg_problem decode_binary(const pg_binary& from, price& out) {
    return pg_codec<int64_t>::decode_binary(from, out.cents);
  }
};

namespace {

template <class... Ts>
pg_result ask(observed_connection& conn, bool binary, std::string sql, const Ts&... params) {
  auto statement = make_statement(std::move(sql), params...);
  conn.send(binary ? in_binary(std::move(statement)) : std::move(statement));
  auto result = conn.next_result();
  INFO(describe(result ? caf::error{} : result.error()));
  REQUIRE(result);
  return *result;
}

} // namespace

// -- ways to run -------------------------------------------------------------------

TEST_CASE_METHOD(connection_scene, "a statement's result is binary however it runs") {
  const std::string sql = "select 258 as n";
  const std::string bytes{"\0\0\1\2", 4};
  auto check = [&](const pg_result& result, bool binary) {
    CHECK(result.column(0).format == (binary ? 1 : 0));
    CHECK(result.row(0).text(0) == (binary ? bytes : "258"));
    CHECK(result.row(0).get<int>("n") == 258);
  };
  // prepared, and one text in both formats
  for (auto binary : {true, true, false, true})
    check(ask(conn, binary, sql), binary);
  CHECK(prepared() == "1");
  // unprepared
  conn.send({sql, {}, false, true});
  check(*conn.next_result(), true);
  // in a batch, each as it asks
  REQUIRE_FALSE(conn.run_batch({{sql, {}}, {sql, {}, true, true}, {sql, {}, false, true}}));
  REQUIRE(conn.parts.size() == 3);
  check(conn.parts[0], false);
  check(conn.parts[1], true);
  check(conn.parts[2], true);
  // as a stream
  loop.call([&] {
    conn->start_transfer(pg_transfer_action::stream,
                         {"select 258 as n from generate_series(1, 5)", {}, true, true}, {2, 1000});
  });
  auto chunk = conn.next_chunk();
  REQUIRE(chunk);
  check(chunk->rows, true);
  for (; !chunk->last; chunk = conn.more())
    REQUIRE(chunk);
}

TEST_CASE_METHOD(connection_scene, "a type without a binary format is an error of the statement") {
  auto result = conn.run("select null::aclitem");
  REQUIRE(result);
  conn.send(in_binary(make_statement("select null::aclitem")));
  auto refused = conn.next_result();
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == errc::query_failed);
  CHECK(conn.value("select 1") == "1");
}

// -- any column as any type --------------------------------------------------------

namespace {

/// What became of a cell: the image of the value or the error.
template <class T>
std::string outcome(const pg_row& row) {
  auto x = row.get<T>(0);
  return x ? image(*x) : describe(x.error());
}

constexpr std::string_view refusal = "is of a type that is not read as the one asked for in binary";

template <class T>
void compare(const pg_row& text, const pg_row& binary) {
  auto expected = outcome<T>(text);
  auto found = outcome<T>(binary);
  INFO("as " << typeid(T).name() << " it is " << expected << " in text and " << found
             << " in binary");
  if (found.ends_with(refusal))
    CHECK(found.starts_with("invalid_argument: column \"x\" ("));
  else
    CHECK(found == expected);
}

} // namespace

TEST_CASE_METHOD(connection_scene, "a column in binary is read as in text, or refused by name") {
  auto sql = GENERATE(
      as<std::string>{}, "true", "'t'::text", "7::int2", "-7::int4", "9223372036854775807",
      "4000000000::oid", "0.1::float4", "0.1::float8", "1e300::float8", "'-0'::float8",
      "'NaN'::float4", "'Infinity'::float8", "7.0", "7::numeric", "18446744073709551615",
      "1e-20::numeric", "'NaN'::numeric", "'abc'", "'12'::varchar(5)", "'ab'::char(5)",
      "'relname'::name", "'r'::\"char\"", "'{\"a\": 1}'::json", "'12'::jsonb", "'\\x00ff'::bytea",
      "'00112233-4455-6677-8899-aabbccddeeff'::uuid", "'2024-02-29 12:00+02'::timestamptz",
      "'0044-03-15 12:00 BC'::timestamp", "'294276-12-31 23:59:59'::timestamp",
      "'infinity'::timestamptz", "'2024-02-29'::date", "'1 year -2 days 03:04:05.6'::interval",
      "'10.0.0.1'::inet", "'a b'::tsvector", "row(1, 'a')", "int4range(1, 5)", "'empty'::int4range",
      "array[1, 2]", "array['a', 'b']", "'{}'::int[]", "'1 2'::int2vector", "'pg_class'::regclass",
      "'12:00'::time", "'5'::money");
  INFO(sql);
  auto text = ask(conn, false, "select " + sql + " as x");
  auto binary = ask(conn, true, "select " + sql + " as x");
  auto check = [&]<class... Ts>(std::type_identity<Ts>...) {
    (compare<Ts>(text.row(0), binary.row(0)), ...);
  };
  check(std::type_identity<bool>{}, std::type_identity<int8_t>{}, std::type_identity<int32_t>{},
        std::type_identity<int64_t>{}, std::type_identity<uint64_t>{}, std::type_identity<float>{},
        std::type_identity<double>{}, std::type_identity<std::string>{}, std::type_identity<blob>{},
        std::type_identity<uuid>{}, std::type_identity<pg_numeric>{}, std::type_identity<pg_json>{},
        std::type_identity<pg_interval>{}, std::type_identity<pg_time>{},
        std::type_identity<pg_long_time>{});
  // null is null in both
  auto null = ask(conn, true, "select case when false then " + sql + " end as x");
  auto empty = null.row(0).get<std::optional<int>>(0);
  CHECK((empty && !*empty));
  CHECK(outcome<int>(null.row(0)).ends_with("is null"));
}

TEST_CASE_METHOD(connection_scene, "a result that does not fit names its column, never truncated") {
  auto binary = GENERATE(false, true);
  auto result = ask(conn, binary,
                    "select 300 as small, -1 as negative, 1.5 as half, 1e300::float8 as huge, "
                    "null::int as nothing, timestamptz '9999-12-31' as late, "
                    "array[1, null] as holes, array[[1], [2]] as nested, array[300] as big");
  auto row = result.row(0);
  auto named = [](const auto& x, std::string_view column) {
    return !x && x.error() == errc::invalid_argument &&
           tests::field_of(x.error(), "column") == column;
  };
  CHECK(named(row.get<int8_t>("small"), "small"));
  CHECK(named(row.get<uint32_t>("negative"), "negative"));
  CHECK(named(row.get<int>("half"), "half"));
  CHECK(named(row.get<float>("huge"), "huge"));
  CHECK(named(row.get<int>("nothing"), "nothing"));
  CHECK(named(row.get<pg_time>("late"), "late"));
  CHECK(named(row.get<std::vector<int>>("holes"), "holes"));
  CHECK(named(row.get<std::vector<int>>("nested"), "nested"));
  CHECK(named(row.get<std::vector<int8_t>>("big"), "big"));
  CHECK(named(row.get<uuid>("small"), "small"));
}

// -- types of users ----------------------------------------------------------------

TEST_CASE_METHOD(connection_scene, "enums are text both ways, and so are arrays of them") {
  REQUIRE(conn.run("create type feeling as enum ('happy', 'sad, \"really\"', 'NULL', '\xc3\xa4')"));
  auto binary = GENERATE(false, true);
  for (auto label : {"happy", "sad, \"really\"", "NULL", "\xc3\xa4"}) {
    auto result = ask(conn, binary, "select $1::feeling", label);
    CHECK(result.row(0).get<std::string>(0) == label);
  }
  std::vector<std::optional<std::string>> labels{"NULL", std::nullopt, "sad, \"really\""};
  auto array = ask(conn, binary, "select $1::feeling[], '{}'::feeling[]", labels);
  CHECK(array.row(0).get<std::vector<std::optional<std::string>>>(0) == labels);
  CHECK(array.row(0).get<std::vector<std::string>>(1) == std::vector<std::string>{});
  // as a type of one's own
  std::vector<mood> moods{mood::sad, mood::happy};
  auto own = ask(conn, binary, "select $1::feeling, $2::feeling[], 'NULL'::feeling as other",
                 mood::sad, moods);
  CHECK(own.row(0).get<mood>(0) == mood::sad);
  CHECK(own.row(0).get<std::vector<mood>>(1) == moods);
  CHECK(describe(own.row(0).get<mood>("other").error()).ends_with("is not a mood"));
}

TEST_CASE_METHOD(connection_scene, "domains are what they are made of") {
  REQUIRE(conn.run("create domain positive as int check (value > 0)"));
  REQUIRE(conn.run("create domain word as text check (value <> '')"));
  auto binary = GENERATE(false, true);
  auto result = ask(conn, binary, "select $1::positive, $2::word", 7, "x y");
  CHECK(result.row(0).get<int>(0) == 7);
  CHECK(result.row(0).get<std::string>(1) == "x y");
  auto words = ask(conn, binary, "select '{a,NULL,\"b c\"}'::word[]");
  CHECK(words.row(0).get<std::vector<std::optional<std::string>>>(0) ==
        std::vector<std::optional<std::string>>{"a", std::nullopt, "b c"});
  // In an array the server tells the domain's type, not that of its values.
  auto numbers = ask(conn, binary, "select '{1}'::positive[] as n, '{1}'::positive[]::int[]");
  CHECK(numbers.row(0).get<std::vector<int>>(1) == std::vector{1});
  if (binary)
    CHECK(outcome<pg_json>(numbers.row(0)).ends_with(refusal));
  else
    CHECK(numbers.row(0).get<std::vector<int>>(0) == std::vector{1});
}

TEST_CASE_METHOD(connection_scene, "what users have made of several values is no text in binary") {
  REQUIRE(conn.run("create type pair as (a text, b text)"));
  REQUIRE(conn.run("create type span as range (subtype = text)"));
  for (auto value : {"row('a', 'b')::pair", "row(null, null)::pair", "array[row('a', 'b')::pair]",
                     "span('a', 'b')", "span(null, null)", "'empty'::span", "'{}'::pair[]"}) {
    INFO(value);
    auto result = ask(conn, true, std::string{"select "} + value);
    CHECK(outcome<std::string>(result.row(0)).ends_with(refusal));
  }
}

TEST_CASE_METHOD(connection_scene, "a type of one's own goes to the server and back") {
  auto binary = GENERATE(false, true);
  std::vector<std::optional<price>> prices{price{250}, std::nullopt, price{-1}};
  auto result =
      ask(conn, binary, "select $1::bigint as x, $2::bigint[], $3::numeric, $4::bool as no",
          price{250}, prices, price{7}, true);
  CHECK(result.row(0).get<price>(0) == price{250});
  CHECK(result.row(0).get<std::vector<std::optional<price>>>(1) == prices);
  CHECK(result.row(0).get<price>(2) == price{7});
  CHECK_FALSE(result.row(0).get<price>("no"));
}
