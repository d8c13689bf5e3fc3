#include "dbs/testing/scripted/result_literals.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <chrono>
#include <cstdint>

using namespace dbs;
using namespace dbs::testing;
using Catch::Matchers::Message;

namespace {

/// Whether a value that is written into a row is read from it unchanged.
template <class T>
bool survives(const T& x) {
  pg_result result = query_result({"x"}, {make_params(x)});
  return result.row(0).get<T>("x") == x;
}

} // namespace

TEST_CASE("a literal result has its columns, rows and tag") {
  auto result =
      query_result({"id", "name"}, {make_params(1, "lamp"), make_params(2, std::nullopt)});
  CHECK(result.rows() == 2);
  CHECK(result.columns() == 2);
  CHECK(result.column_name(1) == "name");
  CHECK(result.command_tag() == "SELECT 2");
  CHECK(result.affected_rows() == 2);
  CHECK(result.row(0).get<int64_t>("id") == 1);
  CHECK(result.row(0).text(1) == "lamp");
  CHECK(result.row(1).is_null(1));
}

TEST_CASE("values of every kind survive in a literal result") {
  CHECK(survives(true));
  CHECK(survives(false));
  CHECK(survives(int64_t{-7}));
  CHECK(survives(0.1));
  CHECK(survives(std::string{"it's"}));
  CHECK(survives(blob{std::string_view{"\0\xff", 2}}));
  CHECK(survives(std::chrono::system_clock::time_point{std::chrono::seconds{1700000000}}));
  CHECK(survives(std::vector<std::optional<std::string>>{"a", std::nullopt, "{,}"}));
}

TEST_CASE("a literal result without rows still has its columns") {
  auto result = query_result({"id"}, {});
  CHECK(result.empty());
  CHECK(result.column_name(0) == "id");
  CHECK(result.command_tag() == "SELECT 0");
}

TEST_CASE("a row of a literal result that does not fit its columns is named") {
  CHECK_THROWS_MATCHES(query_result({"id", "name"}, {make_params(1, "a"), make_params(2)}),
                       std::logic_error, Message("row 1 has 1 values for 2 columns"));
  CHECK_THROWS_MATCHES(query_result({"name"}, {make_params(std::string(1, '\0'))}),
                       std::logic_error, Message("row 0 $1 contains a zero byte"));
}

TEST_CASE("the affected rows of a literal command are the number in its tag") {
  CHECK(command_result("INSERT 0 17").affected_rows() == 17);
  CHECK(command_result("UPDATE 1").command_tag() == "UPDATE 1");
  CHECK(command_result("CREATE TABLE").affected_rows() == 0);
  CHECK(command_result("CREATE TABLE").columns() == 0);
}
