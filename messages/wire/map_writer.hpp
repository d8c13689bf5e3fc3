// Writes what leaves the process as a msgpack map: the envelope between nodes and
// the envelope of what is stored in Redis. See map_reader.hpp for reading.
//
// ~~~
// wire::map_writer out;
// out.put("version", 1).put("key", key).put("value", wire::bytes{value.view()});
// auto encoded = out.finish();
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
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace dbs::wire {

/// Collects entries and encodes them in the order of writing. What breaks a limit
/// is remembered and answered by `finish`: putting needs no checks.
class map_writer {
public:
  explicit map_writer(const limits& bounds = {}) : limits_(bounds) {}

  /// Appends an entry. `x` is nullptr (nil), bool, an integer, double, a string,
  /// `bytes` or a blob (both bin), `std::optional` of those (nil when empty) or a
  /// vector of all of them.
  template <class T>
  map_writer& put(std::string_view key, const T& x) {
    if (begin_entry(key))
      write(x);
    return *this;
  }

  /// The encoded map. Errors: `payload_too_large` for what breaks a limit,
  /// `invalid_argument` for a key that was put twice; both name the key.
  caf::expected<blob> finish() const;

private:
  template <class T>
  static constexpr bool dependent_false = false;

  template <class T>
  void write(const T& x) {
    if constexpr (std::is_same_v<T, std::nullptr_t>)
      write_nil();
    else if constexpr (std::is_same_v<T, bool>)
      write_bool(x);
    else if constexpr (std::signed_integral<T>)
      write_int(x);
    else if constexpr (std::unsigned_integral<T>)
      write_uint(x);
    else if constexpr (std::is_same_v<T, double>)
      write_double(x);
    else if constexpr (std::is_same_v<T, bytes>)
      write_bytes(x.view);
    else if constexpr (std::is_same_v<T, blob>)
      write_bytes(x.view());
    else if constexpr (std::is_convertible_v<const T&, std::string_view>)
      write_string(x);
    else
      static_assert(dependent_false<T>, "this type cannot be put into a map");
  }

  template <class T>
  void write(const std::optional<T>& x) {
    if (x)
      write(*x);
    else
      write_nil();
  }

  template <class T>
  void write(const std::vector<T>& xs) {
    if (!begin_array(xs.size()))
      return;
    for (const auto& x : xs)
      write(x);
  }

  /// False, with the error remembered, if there is no place for another entry.
  bool begin_entry(std::string_view key);
  bool begin_array(size_t size);
  void write_nil();
  void write_bool(bool x);
  void write_int(int64_t x);
  void write_uint(uint64_t x);
  void write_double(double x);
  void write_string(std::string_view x);
  void write_bytes(std::string_view x);

  void refuse(std::string_view key, const char* problem);
  /// The key of the entry that is being written.
  std::string_view last_key() const;

  limits limits_;
  std::string body_;
  /// Where the keys are in the body.
  std::vector<std::pair<size_t, size_t>> keys_;
  size_t elements_ = 0;
  caf::error error_;
};

} // namespace dbs::wire
