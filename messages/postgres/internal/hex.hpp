// Hexadecimal digits, for uuid and bytea.
#pragma once

namespace dbs::internal {

inline constexpr char hex_digits[] = "0123456789abcdef";

/// The value of a hexadecimal digit of either case, -1 for anything else.
constexpr int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

} // namespace dbs::internal
