// The syntax is described in "Array Input and Output Syntax" of PostgreSQL's
// manual, section 8.15.6.
#include "dbs/messages/postgres/array.hpp"

#include "dbs/messages/postgres/internal/binary.hpp"
#include "dbs/messages/postgres/type_oid.hpp"

#include <algorithm>
#include <utility>

namespace dbs::internal {

namespace {

constexpr pg_problem not_an_array = "is not an array";
constexpr pg_problem nested_array = "is a nested array";
constexpr pg_problem own_bounds = "is an array with bounds of its own";

/// The type of the elements of an array; 0 if it is none that we know.
uint32_t element_of(uint32_t array) {
  using namespace pg_oid;
  static constexpr std::pair<uint32_t, uint32_t> known[] = {
      {json_array, json},
      {boolean_array, boolean},
      {bytea_array, bytea},
      {single_char_array, single_char},
      {name_array, name},
      {smallint_array, smallint},
      {integer_array, integer},
      {text_array, text},
      {character_array, character},
      {varchar_array, varchar},
      {bigint_array, bigint},
      {real_array, real},
      {double_precision_array, double_precision},
      {oid_array, oid},
      {timestamp_array, timestamp},
      {timestamptz_array, timestamptz},
      {interval_array, interval},
      {numeric_array, numeric},
      {uuid_array, uuid},
      {jsonb_array, jsonb},
  };
  for (auto [type, element] : known)
    if (type == array)
      return element;
  return 0;
}

/// Whether the bytes of an array of this type may have such elements.
bool may_have(uint32_t array, uint32_t element) {
  if (array >= pg_oid::first_of_users)
    return element >= pg_oid::first_of_users;
  return element_of(array) == element;
}

bool is_null_word(std::string_view text) {
  constexpr std::string_view word = "null";
  return std::equal(text.begin(), text.end(), word.begin(), word.end(),
                    [](char x, char y) { return (x | 0x20) == y; });
}

bool needs_quotes(std::string_view text) {
  return text.empty() || is_null_word(text) ||
         text.find_first_of("{},\"\\ \t\n\r\v\f") != std::string_view::npos;
}

} // namespace

void append_array_element(std::string& out, std::string_view text) {
  if (!needs_quotes(text)) {
    out += text;
    return;
  }
  out += '"';
  for (auto c : text) {
    if (c == '"' || c == '\\')
      out += '\\';
    out += c;
  }
  out += '"';
}

pg_problem array_reader::start() {
  if (rest_.empty())
    return not_an_array;
  if (rest_[0] == '[')
    return own_bounds;
  if (rest_[0] != '{')
    return not_an_array;
  rest_.remove_prefix(1);
  if (rest_ == "}")
    return nullptr;
  done_ = false;
  return nullptr;
}

pg_problem array_reader::next(std::optional<std::string_view>& element) {
  if (!rest_.empty() && rest_[0] == '{')
    return nested_array;
  if (!rest_.empty() && rest_[0] == '"') {
    if (auto problem = quoted())
      return problem;
    element = unescaped_;
    return separator();
  }
  auto size = rest_.find_first_of(",}{\"\\");
  if (size == 0 || size == std::string_view::npos)
    return not_an_array;
  element = rest_.substr(0, size);
  if (is_null_word(*element))
    element = std::nullopt;
  rest_.remove_prefix(size);
  return separator();
}

pg_problem array_reader::quoted() {
  unescaped_.clear();
  rest_.remove_prefix(1);
  for (;;) {
    auto size = rest_.find_first_of("\"\\");
    if (size == std::string_view::npos)
      return not_an_array;
    unescaped_ += rest_.substr(0, size);
    auto escape = rest_[size] == '\\';
    rest_.remove_prefix(size + 1);
    if (!escape)
      return nullptr;
    if (rest_.empty())
      return not_an_array;
    unescaped_ += rest_[0];
    rest_.remove_prefix(1);
  }
}

pg_problem array_reader::separator() {
  if (rest_ == "}") {
    done_ = true;
    return nullptr;
  }
  if (rest_.empty() || rest_[0] != ',')
    return not_an_array;
  rest_.remove_prefix(1);
  return nullptr;
}

// -- binary ------------------------------------------------------------------------

pg_problem binary_array_reader::start() {
  if (from_.type_oid < pg_oid::first_of_users && element_of(from_.type_oid) == 0)
    return wrong_type;
  int32_t dimensions = 0;
  int32_t has_nulls = 0;
  if (!take(rest_, dimensions) || !take(rest_, has_nulls) || !take(rest_, element_oid_))
    return broken_binary;
  if (!may_have(from_.type_oid, element_oid_))
    return wrong_type;
  if (dimensions == 0)
    return end();
  if (dimensions != 1)
    return nested_array;
  int32_t lower_bound = 0;
  // Each element has at least its size.
  if (!take(rest_, left_) || !take(rest_, lower_bound) || left_ < 0 ||
      static_cast<size_t>(left_) > rest_.size() / sizeof(int32_t))
    return broken_binary;
  return lower_bound == 1 ? end() : own_bounds;
}

pg_problem binary_array_reader::next(std::optional<pg_binary>& element) {
  int32_t size = 0;
  if (!take(rest_, size) || size < -1 || (size > 0 && static_cast<size_t>(size) > rest_.size()))
    return broken_binary;
  element.reset();
  if (size >= 0) {
    element = pg_binary{element_oid_, rest_.substr(0, static_cast<size_t>(size))};
    rest_.remove_prefix(static_cast<size_t>(size));
  }
  --left_;
  return end();
}

pg_problem binary_array_reader::end() const {
  return done() && !rest_.empty() ? broken_binary : nullptr;
}

} // namespace dbs::internal
