#include "terminal.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>

namespace dbs::ctl {

namespace {

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

struct code_point {
  /// How many bytes it takes; 0 if they are not UTF-8.
  size_t size = 0;
  uint32_t value = 0;
};

/// Decodes the first code point (RFC 3629: no overlong forms, no surrogates).
code_point first_code_point(std::string_view text) {
  auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80)
    return {1, lead};
  size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < size)
    return {};
  auto value = lead & (0x7Fu >> size);
  for (size_t i = 1; i < size; ++i) {
    if (!is_continuation(text[i]))
      return {};
    value = (value << 6) | (static_cast<unsigned char>(text[i]) & 0x3Fu);
  }
  constexpr uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  auto is_surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (value < smallest[size] || value > 0x10FFFF || is_surrogate)
    return {};
  return {size, value};
}

bool is_control(uint32_t value) {
  return value < 0x20 || (value >= 0x7F && value < 0xA0);
}

std::string escaped(uint32_t value) {
  switch (value) {
  case '\n':
    return "\\n";
  case '\r':
    return "\\r";
  case '\t':
    return "\\t";
  default:
    return fmt::format("\\x{:02x}", value);
  }
}

} // namespace

std::string printable(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    auto next = first_code_point(text);
    if (next.size == 0)
      result += escaped(static_cast<unsigned char>(text.front()));
    else if (is_control(next.value))
      result += escaped(next.value);
    else
      result += text.substr(0, next.size);
    text.remove_prefix(std::max(next.size, size_t{1}));
  }
  return result;
}

size_t width(std::string_view text) noexcept {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !is_continuation(c); }));
}

} // namespace dbs::ctl
