// How a C++ type looks in PostgreSQL's text format: the trait behind
// `pg_params::add` and `pg_row::get`.
#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <string_view>

namespace dbs {

/// Why a value could not be converted: a fixed text that follows the name of a
/// parameter or column, such as "is not an integer"; nullptr if it could. It never
/// contains the value, which may be a secret.
using pg_problem = const char*;

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

} // namespace internal

} // namespace dbs
