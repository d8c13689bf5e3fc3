#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/postgres/copy_text.hpp"

#include <catch2/catch_test_macros.hpp>

#include <optional>
#include <string>

using namespace dbs;

TEST_CASE("rows of COPY are lines of values between tabs") {
  std::string rows;
  CHECK_FALSE(append_copy_row(rows, 1, "lamp", std::nullopt, true));
  CHECK_FALSE(append_copy_row(rows, std::optional<int>{}, std::string{}));
  CHECK(rows == "1\tlamp\t\\N\ttrue\n\\N\t\n");
}

TEST_CASE("what has a meaning in COPY is escaped") {
  std::string rows;
  CHECK_FALSE(append_copy_row(rows, "a\tb\nc\rd\\e", "\\N", "\\."));
  CHECK(rows == "a\\tb\\nc\\rd\\\\e\t\\\\N\t\\\\.\n");
}

TEST_CASE("a row that cannot be written leaves the rows before it alone") {
  std::string rows = "1\n";
  auto problem = append_copy_row(rows, 2, std::string("a\0b", 3));
  CHECK(problem == errc::invalid_argument);
  CHECK(detail(problem).what.find("$2") != std::string::npos);
  CHECK(rows == "1\n");
}
