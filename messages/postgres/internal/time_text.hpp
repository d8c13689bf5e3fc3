// The digits of dates and times, for timestamps and intervals.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace dbs::internal {

/// Appends a number in at least `width` digits.
void append_digits(std::string& out, uint64_t value, size_t width);

/// Reads from the front of a text; every function says whether it found what it
/// looked for.
struct text_reader {
  std::string_view text;

  bool literal(char c);

  /// At most 19 digits, lest it wraps.
  bool number(size_t min_digits, size_t max_digits, uint64_t& out);

  bool two_digits(int& out, int limit);

  /// The digits behind the point, as microseconds.
  bool fraction(int& out);

  /// Lower-case letters, maybe none.
  std::string_view word();
};

} // namespace dbs::internal
