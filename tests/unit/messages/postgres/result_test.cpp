#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/postgres/result.hpp"

#include "unit/messages/postgres/conversion.hpp"
#include "unit/messages/serialize.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <optional>
#include <random>
#include <string>
#include <vector>

using namespace dbs;
using namespace std::string_literals;
using dbs::test::holds;

namespace {

using cells = std::vector<std::vector<std::optional<std::string>>>;

pg_result make_result(const std::vector<pg_column>& columns, const cells& rows,
                      std::string_view tag = "SELECT", uint64_t affected = 0) {
  auto result = pg_result::build(
      columns.size(), rows.size(), [&](size_t i) { return columns[i]; },
      [&](size_t row, size_t i) -> std::optional<std::string_view> { return rows[row][i]; }, tag,
      affected);
  REQUIRE(result);
  return *result;
}

pg_result people() {
  return make_result({{"id", 23, 0}, {"name", 25, 0}, {"age", 20, 0}},
                     {{"1", "Ada", "36"}, {"2", std::nullopt, "45"}, {"3", "", std::nullopt}},
                     "SELECT 3", 3);
}

/// Reads all there is to read.
size_t read_everything(const pg_result& result) {
  auto total = result.command_tag().size() + result.affected_rows() % 2;
  for (size_t i = 0; i < result.columns(); ++i) {
    auto column = result.column(i);
    total += column.name.size() + column.type_oid % 2 + column.format;
    for (auto c : column.name)
      total += c == 'x' ? 1 : 0;
  }
  for (auto row : result) {
    for (size_t i = 0; i < row.size(); ++i) {
      for (auto c : row.text(i))
        total += c == 'x' ? 1 : 0;
      if (row.get<int>(i))
        ++total;
      if (row.get<std::vector<std::optional<std::string>>>(i))
        ++total;
    }
  }
  return total;
}

} // namespace

TEST_CASE("a default-constructed result is empty") {
  pg_result result;
  CHECK(result.empty());
  CHECK(result.rows() == 0);
  CHECK(result.columns() == 0);
  CHECK(result.command_tag().empty());
  CHECK(result.affected_rows() == 0);
  CHECK_FALSE(result.column_index("id"));
  CHECK(result.begin() == result.end());
  auto copy = test::deserialize<pg_result>(test::serialize(result));
  REQUIRE(copy);
  CHECK(*copy == result);
}

TEST_CASE("a result tells what the server said") {
  auto result = people();
  CHECK(result.rows() == 3);
  CHECK(result.columns() == 3);
  CHECK(result.command_tag() == "SELECT 3");
  CHECK(result.affected_rows() == 3);
  CHECK(result.column_name(0) == "id");
  CHECK(result.column_name(2) == "age");
  CHECK(result.column(1).type_oid == 25);
  CHECK(result.column(1).format == 0);
  CHECK(result.column_index("name") == 1);
  CHECK_FALSE(result.column_index("Name"));
}

TEST_CASE("rows are read by index and by name") {
  auto result = people();
  auto row = result.row(0);
  CHECK(row.size() == 3);
  CHECK(holds(row.get<int>(0), 1));
  CHECK(holds(row.get<std::string>("name"), "Ada"));
  CHECK(holds(row.get<std::string_view>("name"), "Ada"));
  CHECK(holds(row.get<int64_t>("age"), 36));
}

TEST_CASE("rows are iterated in order") {
  std::vector<int> ids;
  for (auto row : people())
    ids.push_back(*row.get<int>("id"));
  CHECK(ids == std::vector{1, 2, 3});
}

TEST_CASE("null is told from the empty string") {
  auto result = people();
  CHECK(result.row(1).is_null(1));
  CHECK(result.row(1).text(1).empty());
  CHECK_FALSE(result.row(2).is_null(1));
  CHECK(holds(result.row(2).get<std::string>("name"), ""));
  CHECK(holds(result.row(2).get<std::optional<int>>("age"), std::optional<int>{}));
}

TEST_CASE("an error names the column, its type and the problem, and not the value") {
  auto result = people();
  auto err = result.row(0).get<int>("name").error();
  CHECK(err == errc::invalid_argument);
  CHECK(describe(err) == "invalid_argument: column \"name\" (text) is not an integer");
  CHECK(detail(err).fields == std::vector<field>{{"column", "name"}, {"type", "text"}});
  CHECK(describe(result.row(1).get<std::string>("name").error()) ==
        "invalid_argument: column \"name\" (text) is null");
  auto odd = test::one_cell("1", 123456);
  CHECK(describe(odd.row(0).get<bool>(0).error()) ==
        "invalid_argument: column \"x\" (type 123456) is not a boolean");
}

TEST_CASE("a column that does not exist is an error, and reads as null") {
  auto result = people();
  auto row = result.row(0);
  CHECK(describe(row.get<int>("nothing").error()) ==
        "invalid_argument: there is no column \"nothing\"");
  CHECK(describe(row.get<int>(3).error()) ==
        "invalid_argument: there is no column 3: the result has 3");
  CHECK(row.is_null(3));
  CHECK(row.text(3).empty());
}

TEST_CASE("of two columns with one name the first is found") {
  auto result = make_result({{"id", 23, 0}, {"id", 23, 0}}, {{"1", "2"}});
  CHECK(holds(result.row(0).get<int>("id"), 1));
  CHECK(holds(result.row(0).get<int>(1), 2));
}

TEST_CASE("a cell in binary has its bytes, and is read as what it is") {
  auto result = test::one_cell("\x00\x01"s, 21, 1);
  CHECK(result.row(0).text(0) == "\x00\x01"s);
  CHECK(holds(result.row(0).get<int>(0), 1));
  CHECK(describe(result.row(0).get<std::string>(0).error()) ==
        "invalid_argument: column \"x\" (smallint) is of a type that is not read as the one "
        "asked for in binary");
}

TEST_CASE("a row outlives the handle it was taken from while a copy of the result lives") {
  auto result = people();
  auto row = result.row(0);
  auto moved = std::move(result);
  CHECK(row.text(1) == "Ada");
}

TEST_CASE("a command without rows has a tag and a count") {
  auto result = make_result({}, {}, "UPDATE 7", 7);
  CHECK(result.empty());
  CHECK(result.command_tag() == "UPDATE 7");
  CHECK(result.affected_rows() == 7);
}

TEST_CASE("a result without columns has no rows") {
  auto result = make_result({}, {{}, {}}, "SELECT 2", 2);
  CHECK(result.rows() == 0);
  CHECK(result.affected_rows() == 2);
}

TEST_CASE("cells that lie back to back make the same result as those that come one by one") {
  auto one_by_one = people();
  std::string bytes;
  std::vector<uint32_t> ends;
  for (auto row : one_by_one) {
    for (size_t i = 0; i < row.size(); ++i) {
      bytes += row.text(i);
      ends.push_back(static_cast<uint32_t>(bytes.size()) |
                     (row.is_null(i) ? dbs::internal::result_null_bit : 0));
    }
  }
  auto columns = [&](size_t i) { return one_by_one.column(i); };
  auto together = pg_result::assemble(3, columns, ends, bytes, "SELECT 3", 3);
  REQUIRE(together);
  CHECK(*together == one_by_one);
  CHECK(pg_result::assemble(0, columns, {}, {}, "SET", 0)->rows() == 0);
}

TEST_CASE("a result that is too large is refused before it is built") {
  std::string large(size_t{1} << 20, 'x');
  auto result = pg_result::build(
      1, 1024,
      [](size_t) {
        return pg_column{"x", 25, 0};
      },
      [&](size_t, size_t) { return std::optional<std::string_view>{large}; }, "", 0);
  REQUIRE_FALSE(result);
  CHECK(result.error() == errc::payload_too_large);
  auto wide = pg_result::build(
      pg_result::max_columns + 1, 0,
      [](size_t) {
        return pg_column{"x", 25, 0};
      },
      [](size_t, size_t) { return std::optional<std::string_view>{}; }, "", 0);
  REQUIRE_FALSE(wide);
  CHECK(wide.error() == errc::payload_too_large);
}

TEST_CASE("random results survive a round trip") {
  std::mt19937_64 rng{20261123}; // NOLINT(cert-msc51-cpp)
  auto text = [&rng] {
    std::string result(rng() % 20, ' ');
    for (auto& c : result)
      c = static_cast<char>(rng());
    return result;
  };
  for (auto round = 0; round < 500; ++round) {
    std::vector<std::string> names(1 + rng() % 5);
    std::vector<pg_column> columns;
    for (auto& name : names) {
      name = text();
      columns.push_back({name, static_cast<uint32_t>(rng()), static_cast<uint8_t>(rng() % 2)});
    }
    cells rows(rng() % 6);
    for (auto& row : rows)
      for (size_t i = 0; i < columns.size(); ++i)
        row.push_back(rng() % 4 == 0 ? std::nullopt : std::optional{text()});
    auto tag = text();
    auto affected = rng();
    auto result = make_result(columns, rows, tag, affected);
    auto copy = test::deserialize<pg_result>(test::serialize(result));
    REQUIRE(copy);
    REQUIRE(copy->rows() == rows.size());
    REQUIRE(copy->columns() == columns.size());
    REQUIRE(copy->command_tag() == tag);
    REQUIRE(copy->affected_rows() == affected);
    for (size_t i = 0; i < columns.size(); ++i) {
      REQUIRE(copy->column_name(i) == names[i]);
      REQUIRE(copy->column(i).type_oid == columns[i].type_oid);
      REQUIRE(copy->column(i).format == columns[i].format);
    }
    for (size_t row = 0; row < rows.size(); ++row) {
      for (size_t i = 0; i < columns.size(); ++i) {
        REQUIRE(copy->row(row).is_null(i) == !rows[row][i].has_value());
        REQUIRE(copy->row(row).text(i) == rows[row][i].value_or(""));
      }
    }
  }
}

// -- bytes from outside --------------------------------------------------------------

TEST_CASE("a result that is cut off anywhere is refused") {
  auto bytes = std::string{people().bytes().view()};
  for (size_t size = 1; size < bytes.size(); ++size) {
    auto result = pg_result::from_bytes(blob{std::string_view{bytes}.substr(0, size)});
    INFO(size);
    REQUIRE_FALSE(result);
    REQUIRE(result.error() == errc::protocol_error);
  }
  CHECK_FALSE(pg_result::from_bytes(blob{bytes + "x"}));
  CHECK(holds(pg_result::from_bytes(blob{bytes}), people()));
}

TEST_CASE("every number of a result is checked") {
  auto good = std::string{people().bytes().view()};
  auto [offset, problem] = GENERATE(table<size_t, std::string>({
      {0, "unknown format or version"},
      {3, "unknown format or version"},
      {5, "the size does not match"},
      {9, "the tables are cut off"},
      {10, "too many columns"},
      {14, "the tables are cut off"},
      {15, "the tables are cut off"},
      {25, "a column's name has a negative size"},
      {28, "a reserved field is not zero"},
      {36 + 3, "a column's name has a negative size"}, // the one behind it
      {40, "a column has an unknown format"},
      {41, "a column has an unknown format"},
      {32 + 3 * 12 + 2, "a cell has a negative size"},
      {32 + 3 * 12 + 4 * 4, "a null has contents"},
      {32 + 3 * 12 + 8 * 4, "a null has contents"},
  }));
  auto bytes = good;
  bytes[offset] = static_cast<char>(bytes[offset] + 2);
  auto result = pg_result::from_bytes(blob{bytes});
  INFO(offset);
  REQUIRE_FALSE(result);
  CHECK(describe(result.error()) == "protocol_error: broken result set: " + problem);
}

TEST_CASE("rows without columns are refused: they would cost nothing to claim") {
  auto bytes = std::string{make_result({}, {}).bytes().view()};
  bytes[12] = 1;
  auto result = pg_result::from_bytes(blob{bytes});
  REQUIRE_FALSE(result);
  CHECK(describe(result.error()) == "protocol_error: broken result set: rows without columns");
}

TEST_CASE("a broken result is refused while a message is loaded") {
  auto bytes = std::string{people().bytes().view()};
  bytes[9] = 1;
  auto result = test::deserialize<pg_result>(test::serialize(bytes));
  REQUIRE_FALSE(result);
  CHECK(result.error() == errc::protocol_error);
}

TEST_CASE("no corruption of a result makes its reader stumble") {
  std::mt19937_64 rng{20261123}; // NOLINT(cert-msc51-cpp)
  auto good = std::string{people().bytes().view()};
  size_t accepted = 0;
  size_t refused = 0;
  size_t total = 0;
  for (auto i = 0; i < 50'000; ++i) {
    auto bytes = good;
    for (auto n = 1 + rng() % 4; n > 0; --n) {
      // Mostly the numbers in front, mostly small changes.
      auto at = rng() % (rng() % 4 == 0 ? bytes.size() : 104);
      bytes[at] = static_cast<char>(rng() % 2 == 0 ? rng() : rng() % 32);
    }
    if (rng() % 8 == 0) {
      bytes.resize(rng() % bytes.size());
      // With a size that matches, so that the other checks get their turn.
      if (bytes.size() > 8)
        bytes[4] = static_cast<char>(bytes.size());
    }
    if (auto result = pg_result::from_bytes(blob{bytes})) {
      ++accepted;
      total += read_everything(*result);
    } else {
      ++refused;
    }
  }
  CHECK(accepted > 1000);
  CHECK(refused > 1000);
  CHECK(total > 0);
}
