#include "dbs/messages/postgres/uuid.hpp"

#include "dbs/messages/postgres/internal/hex.hpp"

namespace dbs {

namespace {

constexpr size_t text_size = 36;

constexpr bool is_dash_position(size_t i) {
  return i == 8 || i == 13 || i == 18 || i == 23;
}

} // namespace

std::optional<uuid> uuid::parse(std::string_view text) noexcept {
  if (text.size() != text_size)
    return std::nullopt;
  uuid result;
  auto* out = result.bytes.data();
  for (size_t i = 0; i < text_size;) {
    if (is_dash_position(i)) {
      if (text[i++] != '-')
        return std::nullopt;
      continue;
    }
    auto high = internal::hex_value(text[i]);
    auto low = internal::hex_value(text[i + 1]);
    if (high < 0 || low < 0)
      return std::nullopt;
    *out++ = static_cast<uint8_t>(high * 16 + low);
    i += 2;
  }
  return result;
}

std::string to_string(const uuid& x) {
  std::string result;
  result.reserve(text_size);
  for (auto byte : x.bytes) {
    if (is_dash_position(result.size()))
      result += '-';
    result += internal::hex_digits[byte >> 4];
    result += internal::hex_digits[byte & 15];
  }
  return result;
}

} // namespace dbs
