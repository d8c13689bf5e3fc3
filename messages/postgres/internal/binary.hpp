// Takes values in PostgreSQL's binary format apart.
#pragma once

#include "dbs/messages/postgres/codec.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace dbs::internal {

inline constexpr pg_problem broken_binary = "is broken: its bytes are not those of its type";

/// Removes a number in network byte order from the front, or says that it is cut off.
template <std::integral T>
bool take(std::string_view& bytes, T& out) {
  if (bytes.size() < sizeof(T))
    return false;
  std::make_unsigned_t<T> x = 0;
  for (size_t i = 0; i < sizeof(T); ++i)
    x = static_cast<decltype(x)>(uint64_t{x} << 8 | static_cast<unsigned char>(bytes[i]));
  bytes.remove_prefix(sizeof(T));
  out = static_cast<T>(x);
  return true;
}

/// The same for bytes that are this number and nothing else.
template <std::integral T>
bool take_all(std::string_view bytes, T& out) {
  return take(bytes, out) && bytes.empty();
}

/// Reads smallint, integer, bigint or oid. `wrong_type` for what is none of them.
pg_problem read_integer(const pg_binary& from, int64_t& out);

/// The digits of a numeric as the server prints them.
pg_problem read_numeric(std::string_view bytes, std::string& out);

} // namespace dbs::internal
