// An exact decimal number, for columns of PostgreSQL's type numeric.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dbs {

/// Carries the number as text: there is no arithmetic, and no digit is ever lost.
/// Hand the text to the decimal library of your choice.
class pg_numeric {
public:
  /// PostgreSQL holds up to 131072 digits before and 16383 after the point.
  static constexpr size_t max_size = 150000;

  /// Zero.
  pg_numeric() : text_("0") {}

  /// Reads what PostgreSQL reads: an optional sign, digits with an optional point,
  /// an optional exponent; or NaN, Infinity, -Infinity.
  static std::optional<pg_numeric> parse(std::string_view text);

  const std::string& text() const noexcept { return text_; }

  /// Compares the texts: 1.0 and 1.00 differ, as their scales do.
  friend bool operator==(const pg_numeric&, const pg_numeric&) = default;

private:
  explicit pg_numeric(std::string_view text) : text_(text) {}

  std::string text_;
};

} // namespace dbs
