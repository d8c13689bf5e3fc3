// Reads a msgpack map that came from outside the process, within bounds.
//
// Unknown keys are skipped, so that a newer peer can add some. Reading allocates
// in proportion to what has arrived, never to a length that the sender claims.
//
// ~~~
// auto in = wire::map_reader::parse(payload);
// if (!in)
//   return in.error();
// auto version = in->get<uint32_t>("version");               // must be there
// auto ttl = in->get<std::optional<int64_t>>("ttl");         // absent or nil: nullopt
// ~~~
#pragma once

#include "dbs/messages/blob.hpp"
#include "dbs/messages/wire/limits.hpp"

#include <caf/error.hpp>
#include <caf/expected.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dbs::wire {

class map_reader {
public:
  /// A decoded value. Text and bytes are views into the input.
  struct value {
    enum class kind : uint8_t {
      nil,
      boolean,
      unsigned_integer,
      negative_integer,
      real,
      text,
      binary,
      array,
      unsupported
    };

    kind type = kind::nil;
    union {
      bool boolean;
      uint64_t unsigned_integer = 0;
      int64_t negative_integer;
      double real;
      /// Of an array: its first element's position.
      size_t first;
    };
    std::string_view text;
    /// Of an array.
    size_t size = 0;
  };

  /// Takes a map apart. `data` must outlive the reader. Error: `protocol_error`
  /// for anything but exactly one map with distinct string keys within the bounds.
  static caf::expected<map_reader> parse(std::string_view data, const limits& bounds = {});

  /// The number of entries, known or not.
  size_t size() const noexcept { return entries_.size(); }

  bool contains(std::string_view key) const noexcept { return find(key) != nullptr; }

  /// Reads bool, any integer type, double, std::string, std::string_view, `bytes`,
  /// blob, `std::optional` of those, or a vector of all of them.
  ///
  /// Error: `protocol_error` naming the key if it is missing, of another type, or
  /// out of the range of `T`.
  template <class T>
  caf::expected<T> get(std::string_view key) const {
    T result{};
    auto* found = find(key);
    auto* problem = found != nullptr ? convert(*found, result) : absent(result);
    if (problem != nullptr)
      return refuse(key, problem);
    return result;
  }

private:
  struct entry {
    std::string_view key;
    value val;
  };

  struct collector;

  /// Each returns nullptr, or what is wrong.
  static const char* convert(const value& from, bool& to) noexcept;
  static const char* convert(const value& from, int64_t& to) noexcept;
  static const char* convert(const value& from, uint64_t& to) noexcept;
  static const char* convert(const value& from, double& to) noexcept;
  static const char* convert(const value& from, std::string_view& to) noexcept;
  static const char* convert(const value& from, bytes& to) noexcept;
  static const char* convert(const value& from, std::string& to);
  static const char* convert(const value& from, blob& to);

  template <std::integral T>
  static const char* convert(const value& from, T& to) noexcept {
    std::conditional_t<std::signed_integral<T>, int64_t, uint64_t> wide = 0;
    if (auto* problem = convert(from, wide))
      return problem;
    to = static_cast<T>(wide);
    return std::in_range<T>(wide) ? nullptr : "is out of range";
  }

  template <class T>
  const char* convert(const value& from, std::optional<T>& to) const {
    if (from.type == value::kind::nil) {
      to.reset();
      return nullptr;
    }
    return convert(from, to.emplace());
  }

  template <class T>
  const char* convert(const value& from, std::vector<T>& to) const {
    if (from.type != value::kind::array)
      return "is not an array of plain values";
    to.clear();
    to.reserve(from.size);
    for (const auto& element : std::span{elements_}.subspan(from.first, from.size)) {
      T x{};
      if (auto* problem = convert(element, x))
        return problem;
      to.push_back(std::move(x));
    }
    return nullptr;
  }

  template <class T>
  static const char* absent(T&) noexcept {
    return "is missing";
  }

  template <class T>
  static const char* absent(std::optional<T>&) noexcept {
    return nullptr;
  }

  const value* find(std::string_view key) const noexcept;

  static caf::error refuse(std::string_view key, const char* problem);

  /// Sorted by key.
  std::vector<entry> entries_;
  /// Of all arrays; as many as have arrived.
  std::vector<value> elements_;
};

} // namespace dbs::wire
