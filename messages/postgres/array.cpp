// The syntax is described in "Array Input and Output Syntax" of PostgreSQL's
// manual, section 8.15.6.
#include "dbs/messages/postgres/array.hpp"

#include <algorithm>

namespace dbs::internal {

namespace {

constexpr pg_problem not_an_array = "is not an array";

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
    return "is an array with bounds of its own";
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
    return "is a nested array";
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

} // namespace dbs::internal
