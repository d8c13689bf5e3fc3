#include "dbs/messages/postgres/numeric.hpp"

namespace dbs {

namespace {

/// Removes leading digits and returns how many there were.
size_t skip_digits(std::string_view& text) {
  size_t n = 0;
  while (n < text.size() && text[n] >= '0' && text[n] <= '9')
    ++n;
  text.remove_prefix(n);
  return n;
}

void skip_sign(std::string_view& text) {
  if (!text.empty() && (text[0] == '+' || text[0] == '-'))
    text.remove_prefix(1);
}

bool is_decimal(std::string_view text) {
  skip_sign(text);
  auto digits = skip_digits(text);
  if (!text.empty() && text[0] == '.') {
    text.remove_prefix(1);
    digits += skip_digits(text);
  }
  if (digits == 0)
    return false;
  if (!text.empty() && (text[0] == 'e' || text[0] == 'E')) {
    text.remove_prefix(1);
    skip_sign(text);
    if (skip_digits(text) == 0)
      return false;
  }
  return text.empty();
}

} // namespace

std::optional<pg_numeric> pg_numeric::parse(std::string_view text) {
  if (text.size() > max_size)
    return std::nullopt;
  if (is_decimal(text) || text == "NaN" || text == "Infinity" || text == "-Infinity")
    return pg_numeric{text};
  return std::nullopt;
}

} // namespace dbs
