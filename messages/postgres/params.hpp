// The parameters of a statement, encoded in PostgreSQL's text format.
//
// ~~~
// pg_statement insert{"insert into users (id, name, born) values ($1, $2, $3)",
//                     make_params(id, "Ada", std::nullopt)};
// ~~~
#pragma once

#include "dbs/messages/postgres/types.hpp"
#include "dbs/messages/printer.hpp"
#include "dbs/messages/type_ids.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace dbs {

/// `$1`, `$2`, ... in one buffer: each value is followed by a zero byte, as libpq
/// wants it. The server infers the types, so a value converts exactly as a quoted
/// literal in that place of the statement would.
///
/// A value that cannot be sent leaves null in its place and an error, which the
/// pool answers instead of running the statement: adding needs no checks.
class pg_params {
public:
  /// PostgreSQL's protocol counts parameters in 16 bits.
  static constexpr size_t max_count = 65535;

  /// The most that all values together may take, in bytes.
  static constexpr size_t max_bytes = size_t{256} << 20;

  size_t size() const noexcept { return offsets_.size(); }

  bool empty() const noexcept { return offsets_.empty(); }

  bool is_null(size_t index) const noexcept { return offsets_[index] == null_offset; }

  /// The value as a C string; nullptr for null. Valid while this object lives.
  const char* c_str(size_t index) const noexcept {
    return is_null(index) ? nullptr : text_.data() + offsets_[index];
  }

  /// Bytes held, for admission.
  size_t bytes() const noexcept { return text_.size(); }

  /// What is wrong with the first value that could not be added, such as "$2
  /// contains a zero byte"; empty if all is well. Never contains a value.
  const std::string& error() const noexcept { return error_; }

  /// Makes room for `count` values of `bytes` bytes together.
  void reserve(size_t count, size_t bytes) {
    offsets_.reserve(count);
    text_.reserve(bytes);
  }

  /// Appends a value of any type in types.hpp, a C string, `std::optional` of
  /// those, or nullptr or `std::nullopt` for null.
  template <class T>
  pg_params& add(const T& x) {
    if constexpr (std::is_same_v<T, std::nullptr_t> || std::is_same_v<T, std::nullopt_t>) {
      add_null();
    } else if constexpr (internal::optional_traits<T>::is_optional) {
      if (x)
        add(*x);
      else
        add_null();
    } else if constexpr (pg_encodable<T>) {
      auto start = text_.size();
      finish(start, pg_codec<T>::encode(x, text_));
    } else if constexpr (std::is_pointer_v<T> && std::is_convertible_v<T, const char*>) {
      if (x != nullptr)
        add_text(x);
      else
        add_null();
    } else {
      static_assert(std::is_convertible_v<const T&, std::string_view>,
                    "this type has no pg_codec that encodes: see types.hpp");
      add_text(x);
    }
    return *this;
  }

  void add_null();

  /// Appends a value that is in PostgreSQL's text format already.
  void add_text(std::string_view text);

  friend bool operator==(const pg_params&, const pg_params&) = default;

  /// Loading refuses inconsistent data. Values are not printed: logs must not
  /// contain them.
  template <class Inspector>
  friend bool inspect(Inspector& f, pg_params& x) {
    auto fields = [&] {
      return f.object(x).fields(f.field("text", x.text_), f.field("offsets", x.offsets_),
                                f.field("error", x.error_));
    };
    if constexpr (Inspector::is_loading) {
      if (!fields())
        return false;
      if (x.consistent())
        return true;
      f.set_error(inconsistent());
      return false;
    } else {
      auto count = x.size();
      if (internal::is_printer(f))
        return f.object(x).fields(f.field("count", count), f.field("error", x.error_));
      return fields();
    }
  }

private:
  static constexpr uint32_t null_offset = std::numeric_limits<uint32_t>::max();

  /// Ends the value that was appended to the text at `start`.
  void finish(size_t start, pg_problem problem);

  /// Remembers what is wrong with the value that comes next.
  void refuse(std::string_view problem);

  /// Whether the values lie back to back, each with its zero byte.
  bool consistent() const noexcept;

  static caf::error inconsistent();

  std::string text_;
  std::vector<uint32_t> offsets_;
  std::string error_;
};

namespace internal {

/// How many bytes a parameter will take, roughly.
template <class T>
size_t estimated_size([[maybe_unused]] const T& x) {
  if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, std::string_view>)
    return x.size() + 1;
  else
    return 24;
}

} // namespace internal

template <class... Ts>
pg_params make_params(const Ts&... xs) {
  pg_params result;
  result.reserve(sizeof...(Ts), (internal::estimated_size(xs) + ... + 0));
  (result.add(xs), ...);
  return result;
}

} // namespace dbs
