// docs/configuration.md and the table of settings say the same.
#include "dbs/config/database_url.hpp"
#include "dbs/config/duration.hpp"
#include "dbs/config/modes.hpp"
#include "dbs/config/setting_origin.hpp"
#include "dbs/config/setting_table.hpp"
#include "dbs/config/setting_value.hpp"

#include <catch2/catch_message.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

using namespace dbs;

namespace {

std::vector<std::string> read_document() {
  auto root = std::filesystem::path{__FILE__}.parent_path() / "../../..";
  std::ifstream in{root / "docs/configuration.md"};
  REQUIRE(in.is_open());
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);)
    lines.push_back(line);
  return lines;
}

bool contains(const std::vector<std::string>& lines, const std::string& line) {
  return std::find(lines.begin(), lines.end(), line) != lines.end();
}

std::string code(std::string_view text) {
  return "`" + std::string{text} + "`";
}

std::string default_of(const setting_descriptor& row) {
  auto text = setting_text(row, settings{});
  return text.empty() ? "none" : code(text);
}

/// Stands for a value of any type, where a constructor is only looked at.
struct anything {
  template <class T>
  operator T() const; // NOLINT: the conversion is the purpose
};

/// How many members the aggregate `T` has.
template <class T, class... Values>
constexpr size_t members() {
  if constexpr (requires { T{Values{}..., anything{}}; })
    return members<T, Values..., anything>();
  else
    return sizeof...(Values);
}

size_t rows_of(std::string_view group) {
  auto& table = setting_table();
  return static_cast<size_t>(std::count_if(
      table.begin(), table.end(), [group](const auto& row) { return row.key.starts_with(group); }));
}

/// The first column of a row of a table, if it is code.
std::string first_cell(const std::string& line) {
  if (!line.starts_with("| `"))
    return {};
  return line.substr(3, line.find('`', 3) - 3);
}

} // namespace

TEST_CASE("every setting is documented with its variable, default, range and meaning") {
  auto lines = read_document();
  for (auto& row : setting_table()) {
    auto expected = "| " + code(row.key) + " | " + code(row.env) + " | " + default_of(row) + " | " +
                    allowed_values(row) + " | " + std::string{row.doc} + " |";
    INFO("expected this line in docs/configuration.md:\n" << expected);
    CHECK(contains(lines, expected));
  }
}

TEST_CASE("every member of the settings has a row in the table") {
  CHECK(rows_of("database.") == members<database_settings>());
  CHECK(rows_of("redis.") == members<redis_settings>());
  CHECK(rows_of("cache.") == members<cache_settings>());
  CHECK(rows_of("http.") == members<http_settings>());
  CHECK(rows_of("health.") == members<health_settings>());
  CHECK(rows_of("log.") == members<log_settings>());
  // The groups above, the named databases and the mode.
  CHECK(members<settings>() == 8);
}

TEST_CASE("the documentation lists no setting that does not exist") {
  auto rows = 0;
  for (auto& line : read_document()) {
    auto name = first_cell(line);
    if (name.empty() || name.find('/') != std::string::npos)
      continue;
    INFO(line);
    // The other tables begin with modes, units and arguments of URLs.
    auto& arguments = database_url_arguments();
    auto is_argument = std::find(arguments.begin(), arguments.end(), name) != arguments.end();
    auto is_known = find_setting(name).has_value() || find_mode(name) != nullptr || is_argument ||
                    parse_duration("1" + name).has_value();
    CHECK(is_known);
    rows += find_setting(name).has_value() ? 1 : 0;
  }
  CHECK(rows == static_cast<int>(setting_table().size()));
}

TEST_CASE("every source of values is in the list of the documentation") {
  auto lines = read_document();
  auto strongest = static_cast<size_t>(setting_source::program);
  for (size_t i = 1; i <= strongest + 1; ++i) {
    auto lead = std::to_string(i) + ". ";
    INFO(lead);
    CHECK(std::any_of(lines.begin(), lines.end(),
                      [&lead](auto& line) { return line.starts_with(lead); }));
  }
}

TEST_CASE("every mode is documented with its preset") {
  auto lines = read_document();
  for (auto& mode : mode_presets()) {
    auto expected = "| " + code(mode.name) + " | " + std::to_string(mode.pool_size) + " | " +
                    std::to_string(mode.max_overflow) + " | " +
                    to_duration_text(mode.acquire_timeout) + " | " + std::to_string(mode.l1_size) +
                    " | " + to_duration_text(mode.l2_ttl) + " |";
    INFO("expected this line in docs/configuration.md:\n" << expected);
    CHECK(contains(lines, expected));
  }
}

TEST_CASE("every argument of DATABASE_URL is documented, the refused ones too") {
  auto lines = read_document();
  for (auto& argument : refused_database_url_arguments()) {
    auto is_named = [&argument](const std::string& line) {
      return line.find(code(argument)) != std::string::npos;
    };
    INFO(argument);
    CHECK(std::any_of(lines.begin(), lines.end(), is_named));
  }
  for (auto& argument : database_url_arguments()) {
    auto is_row = [&argument](const std::string& line) { return first_cell(line) == argument; };
    INFO(argument);
    CHECK(std::any_of(lines.begin(), lines.end(), is_row));
  }
}

TEST_CASE("no two settings share a key or a variable, and every default is allowed") {
  std::vector<std::string_view> names;
  for (auto& row : setting_table()) {
    names.push_back(row.key);
    names.push_back(row.env);
    auto text = setting_text(row, settings{});
    auto scratch = settings{};
    INFO(row.key);
    if (!text.empty())
      CHECK(assign_setting(row, scratch, text) == std::nullopt);
  }
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
}
