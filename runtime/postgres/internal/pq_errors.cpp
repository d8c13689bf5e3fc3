#include "dbs/runtime/postgres/internal/pq_errors.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

namespace dbs::postgres::internal {

namespace {

std::string_view diagnostic(const PGresult& result, int code) {
  auto text = PQresultErrorField(&result, code);
  return text != nullptr ? std::string_view{text} : std::string_view{};
}

bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}

bool is_sqlstate(std::string_view text) {
  return text.size() == 5 && std::all_of(text.begin(), text.end(), [](char c) {
           return is_upper(c) || (c >= '0' && c <= '9');
         });
}

std::string_view line_of(std::string_view text) {
  return text.substr(0, text.find('\n'));
}

} // namespace

error_detail detail_of(const PGresult& result) {
  static constexpr std::array<std::pair<int, const char*>, 9> named{{
      {PG_DIAG_MESSAGE_DETAIL, "detail"},
      {PG_DIAG_MESSAGE_HINT, "hint"},
      {PG_DIAG_SCHEMA_NAME, "schema"},
      {PG_DIAG_TABLE_NAME, "table"},
      {PG_DIAG_COLUMN_NAME, "column"},
      {PG_DIAG_DATATYPE_NAME, "datatype"},
      {PG_DIAG_CONSTRAINT_NAME, "constraint"},
      {PG_DIAG_SOURCE_FUNCTION, "routine"},
      {PG_DIAG_SEVERITY_NONLOCALIZED, "severity"},
  }};
  error_detail info;
  info.what = diagnostic(result, PG_DIAG_MESSAGE_PRIMARY);
  if (info.what.empty()) // libpq's own complaint
    info.what = first_line(PQresultErrorMessage(&result), "the server reported an error");
  info.sqlstate = diagnostic(result, PG_DIAG_SQLSTATE);
  for (auto& [code, name] : named)
    if (auto text = diagnostic(result, code); !text.empty())
      info.fields.push_back({name, std::string{text}});
  if (auto text = diagnostic(result, PG_DIAG_STATEMENT_POSITION); !text.empty()) {
    int64_t position = 0;
    std::from_chars(text.data(), text.data() + text.size(), position);
    info.fields.push_back({"position", position});
  }
  return info;
}

bool is_fatal(const PGresult& result) {
  auto severity = diagnostic(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  return severity == "FATAL" || severity == "PANIC";
}

connect_problem parse_connect_error(std::string_view text) {
  connect_problem result;
  // Behind the localised severity: two spaces, SQLSTATE, colon, message.
  for (auto pos = text.find(":  "); pos != std::string_view::npos;
       pos = text.find(":  ", pos + 1)) {
    auto rest = text.substr(pos + 3);
    if (rest.size() > 7 && is_sqlstate(rest.substr(0, 5)) && rest.substr(5, 2) == ": ") {
      result.sqlstate = rest.substr(0, 5);
      result.cause = line_of(rest.substr(7));
      return result;
    }
  }
  // "connection to server at "localhost" (127.0.0.1), port 5432 failed: cause"
  auto cause = line_of(text);
  if (cause.substr(0, 21) == "connection to server ")
    if (auto pos = cause.find(" failed: "); pos != std::string_view::npos)
      cause.remove_prefix(pos + std::strlen(" failed: "));
  result.cause = cause;
  if (cause.size() > 1 && is_upper(cause[0]) && !is_upper(cause[1]))
    result.cause[0] = static_cast<char>(cause[0] - 'A' + 'a');
  if (result.cause.empty())
    result.cause = "no reason given";
  return result;
}

std::string first_line(const char* text, std::string_view otherwise) {
  auto line = line_of(text != nullptr ? std::string_view{text} : std::string_view{});
  return std::string{line.empty() ? otherwise : line};
}

} // namespace dbs::postgres::internal
