#include "dbs/messages/postgres/internal/binary.hpp"

#include "dbs/messages/postgres/type_oid.hpp"

#include <algorithm>

namespace dbs::internal {

namespace {

template <std::integral T>
pg_problem read_as(std::string_view bytes, int64_t& out) {
  T x = 0;
  if (!take_all(bytes, x))
    return broken_binary;
  out = x;
  return nullptr;
}

/// Digits to the base of 10,000, weighed by powers of it: numeric_send in the server's
/// numeric.c.
struct numeric_parts {
  static constexpr size_t group = 4;

  int16_t count = 0;
  /// Of the first digit.
  int16_t weight = 0;
  uint16_t sign = 0;
  /// How many decimal digits are behind the point.
  uint16_t scale = 0;
  /// Two bytes each.
  std::string_view digits;

  bool take_from(std::string_view bytes) {
    auto ok = take(bytes, count) && take(bytes, weight) && take(bytes, sign) && take(bytes, scale);
    digits = bytes;
    return ok && count >= 0 && bytes.size() == 2 * static_cast<size_t>(count);
  }

  /// Appends the four decimal digits with this weight.
  bool append(std::string& out, int at) const {
    auto index = weight - at;
    uint16_t digit = 0;
    if (index >= 0 && index < count) {
      auto rest = digits.substr(2 * static_cast<size_t>(index));
      take(rest, digit);
    }
    for (auto unit : {1000, 100, 10, 1})
      out += static_cast<char>('0' + digit / unit % 10);
    return digit < 10000;
  }
};

constexpr uint16_t negative = 0x4000;
constexpr uint16_t not_a_number = 0xc000;
constexpr uint16_t positive_infinity = 0xd000;
constexpr uint16_t negative_infinity = 0xf000;
constexpr uint16_t max_scale = 0x3fff;

/// What is neither finite nor broken.
const char* special_text(uint16_t sign) {
  switch (sign) {
  case not_a_number:
    return "NaN";
  case positive_infinity:
    return "Infinity";
  case negative_infinity:
    return "-Infinity";
  default:
    return nullptr;
  }
}

} // namespace

pg_problem read_integer(const pg_binary& from, int64_t& out) {
  switch (from.type_oid) {
  case pg_oid::smallint:
    return read_as<int16_t>(from.bytes, out);
  case pg_oid::integer:
    return read_as<int32_t>(from.bytes, out);
  case pg_oid::bigint:
    return read_as<int64_t>(from.bytes, out);
  case pg_oid::oid:
    return read_as<uint32_t>(from.bytes, out);
  default:
    return wrong_type;
  }
}

pg_problem read_numeric(std::string_view bytes, std::string& out) {
  numeric_parts parts;
  if (!parts.take_from(bytes))
    return broken_binary;
  if (auto* special = special_text(parts.sign)) {
    out.assign(special);
    return nullptr;
  }
  if ((parts.sign != 0 && parts.sign != negative) || parts.scale > max_scale)
    return broken_binary;
  auto sound = true;
  std::string whole;
  for (int at = parts.weight; at >= 0; --at)
    sound = parts.append(whole, at) && sound;
  whole.erase(0, whole.find_first_not_of('0'));
  std::string fraction;
  auto last = std::min(-1, parts.weight - parts.count + 1);
  for (int at = -1; at >= last || fraction.size() < parts.scale; --at)
    sound = parts.append(fraction, at) && sound;
  // What is not printed must be nothing.
  if (!sound || fraction.find_first_not_of('0', parts.scale) != std::string::npos)
    return broken_binary;
  fraction.resize(parts.scale);
  out.assign(parts.sign == negative ? 1 : 0, '-');
  out.append(whole.empty() ? "0" : whole).append(fraction.empty() ? "" : ".").append(fraction);
  return nullptr;
}

} // namespace dbs::internal
