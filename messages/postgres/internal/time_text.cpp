#include "dbs/messages/postgres/internal/time_text.hpp"

namespace dbs::internal {

void append_digits(std::string& out, uint64_t value, size_t width) {
  auto digits = std::to_string(value);
  if (digits.size() < width)
    out.append(width - digits.size(), '0');
  out += digits;
}

bool text_reader::literal(char c) {
  if (text.empty() || text[0] != c)
    return false;
  text.remove_prefix(1);
  return true;
}

bool text_reader::number(size_t min_digits, size_t max_digits, uint64_t& out) {
  size_t n = 0;
  out = 0;
  for (; n < text.size() && n < max_digits && text[n] >= '0' && text[n] <= '9'; ++n)
    out = out * 10 + static_cast<uint64_t>(text[n] - '0');
  text.remove_prefix(n);
  return n >= min_digits;
}

bool text_reader::two_digits(int& out, int limit) {
  uint64_t x = 0;
  auto found = number(2, 2, x);
  out = static_cast<int>(x);
  return found && out < limit;
}

bool text_reader::fraction(int& out) {
  auto before = text.size();
  uint64_t x = 0;
  if (!number(1, 6, x))
    return false;
  for (auto digits = before - text.size(); digits < 6; ++digits)
    x *= 10;
  out = static_cast<int>(x);
  return true;
}

std::string_view text_reader::word() {
  size_t n = 0;
  while (n < text.size() && text[n] >= 'a' && text[n] <= 'z')
    ++n;
  auto result = text.substr(0, n);
  text.remove_prefix(n);
  return result;
}

} // namespace dbs::internal
