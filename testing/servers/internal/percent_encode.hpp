// Percent-encoding of names and passwords in URLs (RFC 3986, section 2.1).
#pragma once

#include <string>
#include <string_view>

namespace dbs::testing::internal {

/// Encodes everything but letters, digits and `-._~`.
inline std::string percent_encode(std::string_view text) {
  constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789-._~";
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string result;
  for (char c : text) {
    auto code = static_cast<unsigned char>(c);
    if (plain.find(c) != std::string_view::npos)
      result += c;
    else
      result.append({'%', digits[code >> 4], digits[code & 15]});
  }
  return result;
}

} // namespace dbs::testing::internal
