#include "dbs/messages/utf8.hpp"

namespace dbs {

utf8_char decode_utf8(std::string_view text, size_t pos) noexcept {
  auto byte = [&](size_t i) { return static_cast<uint8_t>(text[pos + i]); };
  auto first = byte(0);
  if (first < 0x80)
    return {first, 1};
  auto length = first >= 0xf0 ? size_t{4} : first >= 0xe0 ? size_t{3} : size_t{2};
  if (first < 0xc2 || first > 0xf4 || pos + length > text.size())
    return {};
  auto code = static_cast<uint32_t>(first) & (0x7fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80)
      return {};
    code = (code << 6) | (byte(i) & 0x3fu);
  }
  auto overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  auto surrogate = code >= 0xd800 && code <= 0xdfff;
  if (overlong || surrogate || code > 0x10ffff)
    return {};
  return {code, length};
}

bool is_utf8(std::string_view text) noexcept {
  for (size_t pos = 0; pos < text.size();) {
    auto c = decode_utf8(text, pos);
    if (c.length == 0)
      return false;
    pos += c.length;
  }
  return true;
}

std::string to_utf8(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (size_t pos = 0; pos < text.size();) {
    auto c = decode_utf8(text, pos);
    if (c.length == 0) {
      result += "\xef\xbf\xbd";
      ++pos;
    } else {
      result += text.substr(pos, c.length);
      pos += c.length;
    }
  }
  return result;
}

} // namespace dbs
