// One-dimensional arrays, for columns of PostgreSQL's array types.
#pragma once

#include "dbs/messages/postgres/codec.hpp"

#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace dbs {

namespace internal {

/// Appends an element to an array literal, in quotes where the text asks for them.
void append_array_element(std::string& out, std::string_view text);

/// Takes an array literal apart without building a tree.
class array_reader {
public:
  explicit array_reader(std::string_view text) noexcept : rest_(text) {}

  /// Must be called first. Afterwards `done()` tells whether there are elements.
  pg_problem start();

  bool done() const noexcept { return done_; }

  /// Reads an element, or nullopt for a null one. The view is valid until the next
  /// call.
  pg_problem next(std::optional<std::string_view>& element);

private:
  pg_problem quoted();
  pg_problem separator();

  std::string_view rest_;
  std::string unescaped_;
  bool done_ = true;
};

/// The same for an array in binary (array_send in the server's arrayfuncs.c).
class binary_array_reader {
public:
  explicit binary_array_reader(const pg_binary& from) noexcept : from_(from), rest_(from.bytes) {}

  pg_problem start();

  bool done() const noexcept { return left_ == 0; }

  pg_problem next(std::optional<pg_binary>& element);

private:
  pg_problem end() const;

  pg_binary from_;
  std::string_view rest_;
  uint32_t element_oid_ = 0;
  int32_t left_ = 0;
};

template <class T>
constexpr bool is_vector = false;

template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;

} // namespace internal

/// Elements are of any type that has a codec, or `std::optional` of one; a null in
/// an array whose elements are not optional is refused, and so are nested arrays
/// and arrays with bounds of their own (`[0:1]={1,2}`). A vector of `uint8_t` is an
/// array of small numbers: bytes are a `blob`.
template <class T>
struct pg_codec<std::vector<T>> {
  using element = typename internal::optional_traits<T>::type;
  static constexpr bool nullable = internal::optional_traits<T>::is_optional;

  static_assert(!internal::is_vector<element>, "only one-dimensional arrays are supported");

  static pg_problem encode(const std::vector<T>& xs,
                           std::string& out) requires pg_encodable<element> {
    std::string text;
    out += '{';
    auto first = true;
    for (const auto& x : xs) {
      if (!std::exchange(first, false))
        out += ',';
      if constexpr (nullable) {
        if (!x) {
          out += "NULL";
          continue;
        }
      }
      text.clear();
      if (auto problem = pg_codec<element>::encode(value_of(x), text))
        return problem;
      internal::append_array_element(out, text);
    }
    out += '}';
    return nullptr;
  }

  static pg_problem decode(std::string_view text,
                           std::vector<T>& out) requires pg_decodable<element> {
    return read<std::string_view>(
        internal::array_reader{text},
        [](std::string_view item, element& x) { return pg_codec<element>::decode(item, x); }, out);
  }

  static pg_problem decode_binary(const pg_binary& from,
                                  std::vector<T>& out) requires pg_decodable<element> {
    return read<pg_binary>(internal::binary_array_reader{from}, internal::decode_binary<element>,
                           out);
  }

private:
  template <class Item>
  static pg_problem read(auto reader, auto decode_item, std::vector<T>& out) {
    static_assert(!std::is_same_v<element, std::string_view>,
                  "an element may have been unescaped: use std::string");
    out.clear();
    if (auto problem = reader.start())
      return problem;
    std::optional<Item> item;
    while (!reader.done()) {
      if (auto problem = reader.next(item))
        return problem;
      if (!item) {
        if constexpr (nullable) {
          out.emplace_back();
          continue;
        } else {
          return "is an array with a null element";
        }
      }
      element x{};
      if (auto problem = decode_item(*item, x))
        return problem;
      out.emplace_back(std::move(x));
    }
    return nullptr;
  }

  template <class U>
  static const element& value_of(const U& x) {
    if constexpr (nullable)
      return *x;
    else
      return x;
  }
};

} // namespace dbs
