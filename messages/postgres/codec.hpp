// How a C++ type looks in PostgreSQL's formats: the trait behind `pg_params::add` and
// `pg_row::get`.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dbs {

/// Why a value could not be converted: a fixed text that follows the name of a
/// parameter or column, such as "is not an integer"; nullptr if it could. It never
/// contains the value, which may be a secret.
using pg_problem = const char*;

/// A value in binary: the bytes that the send function of its type gives.
struct pg_binary {
  /// See type_oid.hpp.
  uint32_t type_oid = 0;
  std::string_view bytes;
};

/// To be specialised for types of your own:
///
/// ~~~
/// template <>
/// struct dbs::pg_codec<color> {
///   static pg_problem encode(const color& x, std::string& out); // appends to `out`
///   static pg_problem decode(std::string_view text, color& out);
/// };
/// ~~~
///
/// One of the two functions suffices for a type that is only written or only
/// read. Null is not their business: `std::optional` of the type handles it.
///
/// A binary result is read by the same `decode` where the binary format is the text:
/// from text, varchar, json, jsonb, and enums. What reads other binary columns has
/// beside it `static pg_problem decode_binary(const pg_binary& from, color& out)`, which
/// must look at the type: bytes of another one may seem to fit. Most call that of the
/// type they are made of.
template <class T>
struct pg_codec;

template <class T>
concept pg_encodable = requires(const T& x, std::string& out) {
  { pg_codec<T>::encode(x, out) } -> std::same_as<pg_problem>;
};

template <class T>
concept pg_decodable = requires(std::string_view text, T& out) {
  { pg_codec<T>::decode(text, out) } -> std::same_as<pg_problem>;
};

namespace internal {

/// Unwraps `std::optional`.
template <class T>
struct optional_traits {
  using type = T;
  static constexpr bool is_optional = false;
};

template <class T>
struct optional_traits<std::optional<T>> {
  using type = T;
  static constexpr bool is_optional = true;
};

template <class T>
concept decodes_binary = requires(const pg_binary& from, T& out) {
  { pg_codec<T>::decode_binary(from, out) } -> std::same_as<pg_problem>;
};

inline constexpr pg_problem wrong_type = "is of a type that is not read as the one asked for "
                                         "in binary";

/// The text of a built-in type whose binary format is its text.
std::optional<std::string_view> known_text(const pg_binary& from);

/// The text of a type that we do not know, as enums have it. Nothing for bytes that are
/// not UTF-8 or that have characters below the blank: composite types, ranges, arrays
/// and the like all do.
std::optional<std::string_view> likely_text(const pg_binary& from);

template <pg_decodable T>
pg_problem decode_binary(const pg_binary& from, T& out) {
  if (auto text = known_text(from))
    return pg_codec<T>::decode(*text, out);
  if constexpr (decodes_binary<T>)
    return pg_codec<T>::decode_binary(from, out);
  else if (auto text = likely_text(from))
    return pg_codec<T>::decode(*text, out);
  else
    return wrong_type;
}

} // namespace internal

} // namespace dbs
