#include "dbs/messages/postgres/types.hpp"

#include "dbs/messages/postgres/internal/binary.hpp"
#include "dbs/messages/postgres/internal/hex.hpp"
#include "dbs/messages/postgres/type_oid.hpp"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <system_error>

namespace dbs {

namespace internal {

namespace {

constexpr pg_problem not_an_integer = "is not an integer";
constexpr pg_problem not_a_number = "is not a number";

template <class T>
void append_number(std::string& out, T x) {
  char buf[64];
  out.append(buf, std::to_chars(std::begin(buf), std::end(buf), x).ptr);
}

/// `from_chars` for the whole of `text`.
template <class T>
pg_problem parse_whole(std::string_view text, T& out, pg_problem malformed, pg_problem range) {
  auto* end = text.data() + text.size();
  auto [ptr, ec] = std::from_chars(text.data(), end, out);
  if (ec == std::errc::invalid_argument || ptr != end)
    return malformed;
  return ec == std::errc{} ? nullptr : range;
}

template <class T>
pg_problem encode_float(T x, std::string& out) {
  if (std::isnan(x))
    out += "NaN";
  else if (std::isinf(x))
    out += x > 0 ? "Infinity" : "-Infinity";
  else
    append_number(out, x);
  return nullptr;
}

template <class T>
pg_problem decode_float(std::string_view text, T& out) {
  using limits = std::numeric_limits<T>;
  if (text == "NaN") {
    out = limits::quiet_NaN();
  } else if (text == "Infinity") {
    out = limits::infinity();
  } else if (text == "-Infinity") {
    out = -limits::infinity();
  } else if (text.find_first_not_of("0123456789+-.eE") != std::string_view::npos) {
    return not_a_number; // from_chars knows more spellings of infinity and nan
  } else {
    return parse_whole(text, out, not_a_number,
                       "is out of range for the floating point type asked for");
  }
  return nullptr;
}

/// The digits of a number that is no float.
pg_problem exact_text(const pg_binary& from, std::string& out) {
  if (from.type_oid == pg_oid::numeric)
    return read_numeric(from.bytes, out);
  int64_t x = 0;
  if (auto problem = read_integer(from, x))
    return problem;
  append_number(out, x);
  return nullptr;
}

/// Numbers of other types go by way of their text, so that they become what they do in
/// text.
template <class T>
pg_problem decode_by_text(T x, auto& out) {
  std::string text;
  encode_float(x, text);
  return decode_float(text, out);
}

template <class T>
pg_problem decode_float(const pg_binary& from, T& out) {
  auto read = [&]<class Bits, class Float>(Bits bits, Float) -> pg_problem {
    if (!take_all(from.bytes, bits))
      return broken_binary;
    auto x = std::bit_cast<Float>(bits);
    if constexpr (std::is_same_v<Float, T>)
      out = x;
    else
      return decode_by_text(x, out);
    return nullptr;
  };
  if (from.type_oid == pg_oid::real)
    return read(uint32_t{}, float{});
  if (from.type_oid == pg_oid::double_precision)
    return read(uint64_t{}, double{});
  std::string text;
  auto problem = exact_text(from, text);
  return problem != nullptr ? problem : decode_float(text, out);
}

template <class T>
pg_problem decode_whole_number(const pg_binary& from, T& out) {
  if (from.type_oid == pg_oid::numeric) {
    std::string text;
    auto problem = read_numeric(from.bytes, text);
    return problem != nullptr ? problem : parse_integer(text, out);
  }
  int64_t x = 0;
  if (auto problem = read_integer(from, x))
    return problem;
  if (!std::in_range<T>(x))
    return integer_out_of_range;
  out = static_cast<T>(x);
  return nullptr;
}

} // namespace

void append_integer(std::string& out, int64_t x) {
  append_number(out, x);
}

void append_integer(std::string& out, uint64_t x) {
  append_number(out, x);
}

pg_problem parse_integer(std::string_view text, int64_t& out) {
  return parse_whole(text, out, not_an_integer, integer_out_of_range);
}

pg_problem parse_integer(std::string_view text, uint64_t& out) {
  if (!text.starts_with('-'))
    return parse_whole(text, out, not_an_integer, integer_out_of_range);
  int64_t negative = 0;
  auto problem = parse_integer(text, negative);
  return problem != nullptr ? problem : integer_out_of_range;
}

pg_problem decode_integer(const pg_binary& from, int64_t& out) {
  return decode_whole_number(from, out);
}

pg_problem decode_integer(const pg_binary& from, uint64_t& out) {
  return decode_whole_number(from, out);
}

} // namespace internal

pg_problem pg_codec<bool>::encode(bool x, std::string& out) {
  out += x ? "true" : "false";
  return nullptr;
}

pg_problem pg_codec<bool>::decode(std::string_view text, bool& out) {
  out = text == "t" || text == "true";
  return out || text == "f" || text == "false" ? nullptr : "is not a boolean";
}

pg_problem pg_codec<bool>::decode_binary(const pg_binary& from, bool& out) {
  if (from.type_oid != pg_oid::boolean)
    return internal::wrong_type;
  uint8_t x = 0;
  if (!internal::take_all(from.bytes, x) || x > 1)
    return internal::broken_binary;
  out = x == 1;
  return nullptr;
}

pg_problem pg_codec<float>::encode(float x, std::string& out) {
  return internal::encode_float(x, out);
}

pg_problem pg_codec<float>::decode(std::string_view text, float& out) {
  return internal::decode_float(text, out);
}

pg_problem pg_codec<float>::decode_binary(const pg_binary& from, float& out) {
  return internal::decode_float(from, out);
}

pg_problem pg_codec<double>::encode(double x, std::string& out) {
  return internal::encode_float(x, out);
}

pg_problem pg_codec<double>::decode(std::string_view text, double& out) {
  return internal::decode_float(text, out);
}

pg_problem pg_codec<double>::decode_binary(const pg_binary& from, double& out) {
  return internal::decode_float(from, out);
}

pg_problem pg_codec<std::string>::encode(const std::string& x, std::string& out) {
  out += x;
  return nullptr;
}

pg_problem pg_codec<std::string>::decode(std::string_view text, std::string& out) {
  out = text;
  return nullptr;
}

pg_problem pg_codec<std::string_view>::encode(std::string_view x, std::string& out) {
  out += x;
  return nullptr;
}

pg_problem pg_codec<std::string_view>::decode(std::string_view text, std::string_view& out) {
  out = text;
  return nullptr;
}

pg_problem pg_codec<blob>::encode(const blob& x, std::string& out) {
  auto position = out.size();
  out.resize(position + 2 + 2 * x.size());
  auto* to = out.data() + position;
  *to++ = '\\';
  *to++ = 'x';
  for (auto c : x.view()) {
    auto byte = static_cast<unsigned char>(c);
    *to++ = internal::hex_digits[byte >> 4];
    *to++ = internal::hex_digits[byte & 15];
  }
  return nullptr;
}

pg_problem pg_codec<blob>::decode(std::string_view text, blob& out) {
  if (!text.starts_with("\\x") || text.size() % 2 != 0)
    return "is not a bytea in hexadecimal format";
  text.remove_prefix(2);
  auto valid = true;
  auto bytes = blob::build(text.size() / 2, [&](char* to) {
    for (size_t i = 0; i < text.size(); i += 2) {
      auto high = internal::hex_value(text[i]);
      auto low = internal::hex_value(text[i + 1]);
      valid = valid && high >= 0 && low >= 0;
      *to++ = static_cast<char>(static_cast<unsigned>(high) << 4 | static_cast<unsigned>(low));
    }
  });
  if (!valid)
    return "is not a bytea in hexadecimal format";
  out = std::move(bytes);
  return nullptr;
}

pg_problem pg_codec<blob>::decode_binary(const pg_binary& from, blob& out) {
  if (from.type_oid != pg_oid::bytea)
    return internal::wrong_type;
  out = blob{from.bytes};
  return nullptr;
}

pg_problem pg_codec<uuid>::encode(const uuid& x, std::string& out) {
  out += to_string(x);
  return nullptr;
}

pg_problem pg_codec<uuid>::decode(std::string_view text, uuid& out) {
  auto x = uuid::parse(text);
  if (!x)
    return "is not a uuid";
  out = *x;
  return nullptr;
}

pg_problem pg_codec<uuid>::decode_binary(const pg_binary& from, uuid& out) {
  if (from.type_oid != pg_oid::uuid)
    return internal::wrong_type;
  if (from.bytes.size() != out.bytes.size())
    return internal::broken_binary;
  std::memcpy(out.bytes.data(), from.bytes.data(), out.bytes.size());
  return nullptr;
}

pg_problem pg_codec<pg_numeric>::encode(const pg_numeric& x, std::string& out) {
  out += x.text();
  return nullptr;
}

pg_problem pg_codec<pg_numeric>::decode(std::string_view text, pg_numeric& out) {
  auto x = pg_numeric::parse(text);
  if (!x)
    return "is not a decimal number";
  out = std::move(*x);
  return nullptr;
}

pg_problem pg_codec<pg_numeric>::decode_binary(const pg_binary& from, pg_numeric& out) {
  std::string text;
  auto problem = internal::exact_text(from, text);
  return problem != nullptr ? problem : decode(text, out);
}

pg_problem pg_codec<pg_json>::encode(const pg_json& x, std::string& out) {
  out += x.text;
  return nullptr;
}

pg_problem pg_codec<pg_json>::decode(std::string_view text, pg_json& out) {
  out.text = text;
  return nullptr;
}

} // namespace dbs
