#include "dbs/messages/base64.hpp"

#include <cstddef>
#include <cstdint>

namespace dbs {

namespace {

constexpr std::string_view digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

} // namespace

std::string to_base64(std::string_view bytes) {
  std::string result;
  result.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    auto some = bytes.substr(i, 3);
    uint32_t bits = 0;
    for (size_t k = 0; k < 3; ++k)
      bits = bits << 8 | (k < some.size() ? static_cast<unsigned char>(some[k]) : 0U);
    for (size_t k = 0; k < 4; ++k)
      result += k <= some.size() ? digits[bits >> (18 - 6 * k) & 63] : '=';
  }
  return result;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0)
    return std::nullopt;
  std::string result;
  result.reserve(text.size() / 4 * 3);
  for (size_t i = 0; i < text.size(); i += 4) {
    auto some = text.substr(i, 4);
    // Only at the end, and at most two.
    if (i + 4 == text.size())
      for (auto k = 0; k < 2 && some.ends_with('='); ++k)
        some.remove_suffix(1);
    uint32_t bits = 0;
    for (size_t k = 0; k < 4; ++k) {
      auto digit = k < some.size() ? digits.find(some[k]) : 0;
      if (digit == std::string_view::npos)
        return std::nullopt;
      bits = bits << 6 | static_cast<uint32_t>(digit);
    }
    auto bytes = some.size() - 1;
    if ((bits & (uint32_t{0xffffff} >> (8 * bytes))) != 0)
      return std::nullopt;
    for (size_t k = 0; k < bytes; ++k)
      result += static_cast<char>(bits >> (16 - 8 * k) & 0xff);
  }
  return result;
}

} // namespace dbs
