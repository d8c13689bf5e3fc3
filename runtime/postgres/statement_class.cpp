#include "dbs/runtime/postgres/statement_class.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace dbs::postgres {

namespace {

// Locale must not matter: keywords are ASCII.
constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

constexpr bool is_space(char c) noexcept {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

constexpr bool is_word(char c) noexcept {
  return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}

/// Compares without regard to case; `keyword` is in lower case.
bool same(std::string_view word, std::string_view keyword) noexcept {
  return word.size() == keyword.size() && std::equal(word.begin(), word.end(), keyword.begin(),
                                                     [](char x, char y) { return lower(x) == y; });
}

template <size_t N>
bool one_of(std::string_view word, const std::array<std::string_view, N>& list) noexcept {
  return std::any_of(list.begin(), list.end(),
                     [word](std::string_view keyword) { return same(word, keyword); });
}

/// Skips white space, comments (those of the second form nest) and `also`.
size_t skip_blank(std::string_view sql, size_t pos, std::string_view also = {}) noexcept {
  while (pos < sql.size()) {
    auto rest = sql.substr(pos);
    if (is_space(rest[0]) || also.find(rest[0]) != std::string_view::npos) {
      ++pos;
    } else if (rest.substr(0, 2) == "--") {
      pos = sql.find_first_of("\r\n", pos);
    } else if (rest.substr(0, 2) == "/*") {
      size_t depth = 0;
      do {
        auto two = sql.substr(pos, 2);
        auto opens = two == "/*";
        auto closes = two == "*/";
        depth = depth + (opens ? 1U : 0U) - (closes ? 1U : 0U);
        pos += opens || closes ? 2 : 1;
      } while (depth > 0 && pos < sql.size());
    } else {
      break;
    }
  }
  return std::min(pos, sql.size());
}

/// Takes the word at `pos` and moves behind it.
std::string_view take_word(std::string_view sql, size_t& pos) noexcept {
  auto begin = pos;
  while (pos < sql.size() && is_word(sql[pos]))
    ++pos;
  return sql.substr(begin, pos - begin);
}

/// Calls `pred(index)` wherever `needle`, in lower case, occurs.
template <class Predicate>
bool any_occurrence(std::string_view sql, std::string_view needle, Predicate pred) noexcept {
  for (size_t pos = 0; pos + needle.size() <= sql.size(); ++pos)
    if (lower(sql[pos]) == needle[0] && same(sql.substr(pos, needle.size()), needle) && pred(pos))
      return true;
  return false;
}

bool mentions(std::string_view sql, std::string_view needle) noexcept {
  return any_occurrence(sql, needle, [](size_t) { return true; });
}

/// TEMP and TEMPORARY stand behind CREATE, OR REPLACE, LOCAL, GLOBAL and INTO;
/// anywhere else they are names.
bool makes_temporary(std::string_view sql) noexcept {
  static constexpr std::array<std::string_view, 5> before{"create", "replace", "local", "global",
                                                          "into"};
  auto has_comment =
      sql.find("--") != std::string_view::npos || sql.find("/*") != std::string_view::npos;
  return any_occurrence(sql, "temp", [&](size_t pos) {
    auto end = pos;
    auto word = take_word(sql, end);
    if (!same(word, "temp") && !same(word, "temporary"))
      return false;
    if (pos > 0 && is_word(sql[pos - 1]))
      return false;
    // A comment may stand between the words, and whether it is one depends on the
    // quotes before it: do not try.
    if (has_comment)
      return true;
    while (pos > 0 && is_space(sql[pos - 1]))
      --pos;
    auto last = pos;
    while (pos > 0 && is_word(sql[pos - 1]))
      --pos;
    return one_of(sql.substr(pos, last - pos), before);
  });
}

constexpr std::array<std::string_view, 42> harmless_commands{
    "select",    "insert",     "update",  "delete", "with",    "values",   "table",
    "merge",     "begin",      "start",   "commit", "end",     "rollback", "abort",
    "savepoint", "release",    "explain", "show",   "create",  "drop",     "alter",
    "truncate",  "analyze",    "analyse", "vacuum", "reindex", "cluster",  "grant",
    "revoke",    "comment",    "lock",    "notify", "refresh", "reassign", "import",
    "security",  "checkpoint", "fetch",   "move",   "close",   "copy",     "unlisten"};

/// Whether one of the words stands anywhere, in a string or comment if need be.
template <size_t N>
bool has_word(std::string_view sql, const std::array<std::string_view, N>& list) noexcept {
  for (size_t pos = 0; pos < sql.size();) {
    if (!is_word(sql[pos]))
      ++pos;
    else if (one_of(take_word(sql, pos), list))
      return true;
  }
  return false;
}

/// Whether it is a COPY with that word.
bool is_copy_with(std::string_view sql, std::string_view word) noexcept {
  auto pos = skip_blank(sql, 0, ";");
  return same(take_word(sql, pos), "copy") && has_word(sql.substr(pos), std::array{word});
}

bool mentions_session_state(std::string_view sql) noexcept {
  static constexpr std::array<std::string_view, 5> marks{"advisory_lock", "set_config", "pg_temp",
                                                         "dblink_connect", "setseed"};
  return std::any_of(marks.begin(), marks.end(),
                     [sql](std::string_view mark) { return mentions(sql, mark); }) ||
         makes_temporary(sql);
}

} // namespace

bool touches_session(std::string_view sql) noexcept {
  auto pos = skip_blank(sql, 0, "(;");
  if (pos == sql.size())
    return false; // the empty statement
  auto command = take_word(sql, pos);
  auto harmless = one_of(command, harmless_commands);
  if (same(command, "set")) {
    // The forms of SET that end with the transaction.
    static constexpr std::array<std::string_view, 3> transactional{"local", "transaction",
                                                                   "constraints"};
    pos = skip_blank(sql, pos);
    harmless = one_of(take_word(sql, pos), transactional);
  }
  return !harmless || mentions_session_state(sql);
}

bool needs_own_session(std::string_view sql) noexcept {
  static constexpr std::array<std::string_view, 3> transactional{"do", "call", "declare"};
  static constexpr std::array<std::string_view, 1> hold{"hold"};
  if (commits(sql))
    return false; // PREPARE TRANSACTION among them
  auto pos = skip_blank(sql, 0, ";");
  auto command = take_word(sql, pos);
  if (!one_of(command, transactional))
    return touches_session(sql);
  return mentions_session_state(sql) || (same(command, "declare") && has_word(sql, hold));
}

bool may_share(std::string_view sql) noexcept {
  static constexpr std::array<std::string_view, 8> commands{"select", "values", "table",  "with",
                                                            "insert", "update", "delete", "merge"};
  auto pos = skip_blank(sql, 0, "(");
  return sql.find('\0') == std::string_view::npos && one_of(take_word(sql, pos), commands) &&
         !mentions_session_state(sql) && !mentions(sql, "advisory");
}

bool only_reads(std::string_view sql) noexcept {
  static constexpr std::array<std::string_view, 7> readers{"select", "values", "table",  "with",
                                                           "show",   "fetch",  "explain"};
  // INTO makes a table, ANALYZE runs what EXPLAIN explains.
  static constexpr std::array<std::string_view, 7> writers{"insert", "update",  "delete", "merge",
                                                           "into",   "analyze", "analyse"};
  auto pos = skip_blank(sql, 0, "(;");
  if (pos == sql.size())
    return true; // the empty statement
  if (!one_of(take_word(sql, pos), readers) && (!copies_out(sql) || copies_in(sql)))
    return false;
  return !has_word(sql.substr(pos), writers);
}

bool copies_in(std::string_view sql) noexcept {
  return is_copy_with(sql, "stdin");
}

bool copies_out(std::string_view sql) noexcept {
  return is_copy_with(sql, "stdout");
}

bool commits(std::string_view sql) noexcept {
  auto pos = skip_blank(sql, 0, ";");
  auto command = take_word(sql, pos);
  if (same(command, "prepare")) {
    pos = skip_blank(sql, pos);
    return same(take_word(sql, pos), "transaction");
  }
  return same(command, "commit") || same(command, "end");
}

bool controls_transaction(std::string_view sql) noexcept {
  static constexpr std::array<std::string_view, 4> commands{"begin", "start", "savepoint",
                                                            "release"};
  auto pos = skip_blank(sql, 0, ";");
  return one_of(take_word(sql, pos), commands) || commits(sql) || rolls_back(sql);
}

bool runs_procedure(std::string_view sql) noexcept {
  auto pos = skip_blank(sql, 0, ";");
  auto command = take_word(sql, pos);
  return same(command, "do") || same(command, "call");
}

bool rolls_back(std::string_view sql) noexcept {
  auto pos = skip_blank(sql, 0, ";");
  auto command = take_word(sql, pos);
  return same(command, "rollback") || same(command, "abort");
}

bool tag_touches_session(std::string_view tag) noexcept {
  size_t pos = 0;
  auto command = take_word(tag, pos);
  return !command.empty() && !same(command, "set") && !one_of(command, harmless_commands);
}

bool tag_drops_statements(std::string_view tag) noexcept {
  return tag == "DISCARD ALL" || tag == "DEALLOCATE ALL";
}

} // namespace dbs::postgres
