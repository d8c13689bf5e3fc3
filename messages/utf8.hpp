// Walks over text that may not be valid UTF-8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace dbs {

/// The character that starts at `text[pos]`: its code point and length, or length
/// 0 if the bytes are not valid UTF-8 (Unicode 15, table 3-7).
struct utf8_char {
  uint32_t code = 0;
  size_t length = 0;
};

utf8_char decode_utf8(std::string_view text, size_t pos) noexcept;

bool is_utf8(std::string_view text) noexcept;

/// A copy in which every byte that is not valid UTF-8 is U+FFFD.
std::string to_utf8(std::string_view text);

/// True for the control characters below U+0020, DEL and U+0080..U+009F, and for
/// U+2028 and U+2029: what a terminal, an editor or a log shipper may take for a
/// command or for the end of a line.
constexpr bool is_control(uint32_t code) noexcept {
  return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x2028 || code == 0x2029;
}

} // namespace dbs
