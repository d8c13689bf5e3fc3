// A UUID: 16 bytes, for columns of PostgreSQL's type uuid.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace dbs {

struct uuid {
  /// In the order in which they are printed (RFC 9562, section 4).
  std::array<uint8_t, 16> bytes{};

  /// Reads 8-4-4-4-12 hexadecimal digits of either case, and nothing else.
  static std::optional<uuid> parse(std::string_view text) noexcept;

  friend auto operator<=>(const uuid&, const uuid&) = default;
};

/// The canonical form, in lower case.
std::string to_string(const uuid& x);

} // namespace dbs

template <>
struct std::hash<dbs::uuid> {
  size_t operator()(const dbs::uuid& x) const noexcept {
    return hash<string_view>{}({reinterpret_cast<const char*>(x.bytes.data()), x.bytes.size()});
  }
};
