// A reply of Redis as one immutable blob: cheap to copy, to cache and to send.
//
// ~~~
// auto name = reply.get<std::optional<std::string>>(); // caf::expected; nil is nullopt
// for (auto member : reply)                            // an array, a set or a map
//   use(member.text());
// ~~~
//
// Layout, all numbers little endian, no padding: one node, whose elements follow it.
//
// | node                                | bytes                                      |
// |-------------------------------------|--------------------------------------------|
// | nil                                 | type                                       |
// | boolean                             | type, 1: 0 or 1                            |
// | integer, real                       | type, 8: int64, IEEE 754 double            |
// | status, string, big_number          | type, 4: size, the bytes                   |
// | error                               | type, 1: dbs::errc, 4: size, the bytes     |
// | array, set, push                    | type, 4: elements; then each of them       |
// | map                                 | type, 4: keys and values; key, value, ...  |
#pragma once

#include "dbs/messages/blob.hpp"
#include "dbs/messages/errc.hpp"

#include <caf/error.hpp>
#include <caf/expected.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace dbs {

/// What a reply, or an element of one, is. Those from `boolean` to `big_number`, `map`, `set`
/// and `push` come in RESP3 only; a RESP2 server says the same with the others.
enum class redis_type : uint8_t {
  nil,
  boolean,
  integer,
  real,
  status,
  /// A bulk string, or a verbatim one without its format.
  string,
  /// Decimal digits of any number, with a sign.
  big_number,
  error,
  array,
  map,
  set,
  push,
};

std::string to_string(redis_type x);

/// A node of a reply: a view, valid as long as one copy of the reply lives.
class redis_value {
public:
  class iterator;

  /// Nil.
  redis_value() noexcept = default;

  redis_type type() const noexcept {
    return nodes_.empty() ? redis_type::nil : static_cast<redis_type>(nodes_.front());
  }

  bool is_nil() const noexcept { return type() == redis_type::nil; }

  /// The bytes of a string, status, big number or error; else empty.
  std::string_view text() const noexcept;

  /// Empty unless it is an error. Redis' own are `query_failed` and the like, see
  /// docs/redis.md; in an answer to a batch also what became of a command without a reply.
  caf::error error() const;

  /// Elements of an array, set or push; keys and values together of a map; else 0.
  size_t size() const noexcept;

  iterator begin() const noexcept;
  iterator end() const noexcept;

  /// The element at `index`, which takes a walk over those before it; nil if there is none.
  redis_value at(size_t index) const noexcept;

  /// The value behind the key of that text, in a map or in an array of keys and values, as
  /// RESP2 has it; nil if there is none.
  redis_value find(std::string_view key) const noexcept;

  /// Reads the value as one of
  /// - `std::string_view` (valid as long as the reply), `std::string`, `blob`: a text;
  /// - `int64_t`: an integer, or a text that is one;
  /// - `double`: a real, an integer, or a text that is a number;
  /// - `bool`: a boolean, or an integer that is 0 or 1;
  /// - `std::optional` of these: nil is nullopt.
  ///
  /// Error: `invalid_argument` naming the type, never the value; an error is itself.
  template <class T>
  caf::expected<T> get() const {
    if constexpr (std::is_constructible_v<T, std::nullopt_t>) {
      if (is_nil())
        return T{std::nullopt};
      auto result = get<typename T::value_type>();
      if (!result)
        return std::move(result.error());
      return T{std::move(*result)};
    } else if constexpr (std::same_as<T, int64_t>) {
      return as_integer();
    } else if constexpr (std::same_as<T, double>) {
      return as_real();
    } else if constexpr (std::same_as<T, bool>) {
      return as_boolean();
    } else {
      static_assert(std::same_as<T, std::string_view> || std::same_as<T, std::string> ||
                        std::same_as<T, blob>,
                    "a reply is not read as this type");
      auto result = as_text();
      if (!result)
        return std::move(result.error());
      return T{*result};
    }
  }

private:
  friend class redis_reply;

  /// @param nodes begins with a node and may go on behind its end.
  explicit redis_value(std::string_view nodes) noexcept : nodes_(nodes) {}

  caf::expected<std::string_view> as_text() const;
  caf::expected<int64_t> as_integer() const;
  caf::expected<double> as_real() const;
  caf::expected<bool> as_boolean() const;
  caf::error mismatch(std::string_view wanted) const;

  std::string_view nodes_;
};

class redis_value::iterator {
public:
  using iterator_category = std::input_iterator_tag;
  using value_type = redis_value;
  using difference_type = std::ptrdiff_t;
  using pointer = void;
  using reference = redis_value;

  redis_value operator*() const noexcept { return redis_value{rest_}; }

  iterator& operator++() noexcept;

  iterator operator++(int) noexcept {
    auto result = *this;
    ++*this;
    return result;
  }

  bool operator==(const iterator& other) const noexcept { return left_ == other.left_; }

private:
  friend class redis_value;

  iterator(std::string_view rest, size_t left) noexcept : rest_(rest), left_(left) {}

  std::string_view rest_;
  size_t left_;
};

/// What Redis answered. Default-constructed it is nil.
class redis_reply {
public:
  redis_reply() noexcept = default;

  /// Takes nodes that are well-formed.
  static redis_reply from_nodes(blob nodes) noexcept {
    redis_reply result;
    result.nodes_ = std::move(nodes);
    return result;
  }

  /// An `error`.
  static redis_reply failure(errc code, std::string_view text);

  /// Takes the bytes of a reply that came from anywhere and checks them completely.
  /// Error: `protocol_error`.
  static caf::expected<redis_reply> from_bytes(blob bytes);

  /// The encoded reply; empty for a default-constructed one.
  const blob& bytes() const noexcept { return nodes_; }

  redis_value value() const noexcept { return redis_value{nodes_.view()}; }

  // -- the same as of its value ----------------------------------------------------

  redis_type type() const noexcept { return value().type(); }
  bool is_nil() const noexcept { return value().is_nil(); }
  std::string_view text() const noexcept { return value().text(); }
  caf::error error() const { return value().error(); }
  size_t size() const noexcept { return value().size(); }
  redis_value::iterator begin() const noexcept { return value().begin(); }
  redis_value::iterator end() const noexcept { return value().end(); }
  redis_value at(size_t index) const noexcept { return value().at(index); }
  redis_value find(std::string_view key) const noexcept { return value().find(key); }

  template <class T>
  caf::expected<T> get() const {
    return value().get<T>();
  }

  friend bool operator==(const redis_reply&, const redis_reply&) = default;

  template <class Inspector>
  friend bool inspect(Inspector& f, redis_reply& x) {
    if (!f.apply(x.nodes_))
      return false;
    if constexpr (Inspector::is_loading) {
      auto checked = from_bytes(std::move(x.nodes_));
      x = checked ? std::move(*checked) : redis_reply{};
      if (!checked) {
        f.set_error(std::move(checked.error()));
        return false;
      }
    }
    return true;
  }

private:
  blob nodes_;
};

} // namespace dbs
