#include "dbs/config/duration.hpp"

#include <array>
#include <cstdint>
#include <utility>

namespace dbs {

namespace {

struct unit {
  std::string_view name;
  int64_t nanoseconds;
};

constexpr int64_t second = 1'000'000'000;

constexpr std::array<unit, 8> units{{
    {"", second},
    {"ns", 1},
    {"us", 1'000},
    {"ms", 1'000'000},
    {"s", second},
    {"min", 60 * second},
    {"h", 3'600 * second},
    {"d", 86'400 * second},
}};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

} // namespace

std::optional<caf::timespan> parse_duration(std::string_view text) {
  auto take_digits = [&text] {
    size_t n = 0;
    while (n < text.size() && is_digit(text[n]))
      ++n;
    auto result = text.substr(0, n);
    text.remove_prefix(n);
    return result;
  };
  auto whole = take_digits();
  std::string_view fraction;
  if (whole.empty())
    return std::nullopt;
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    fraction = take_digits();
    if (fraction.empty())
      return std::nullopt;
  }
  for (auto& candidate : units) {
    if (candidate.name != text)
      continue;
    int64_t result = 0;
    for (auto c : whole)
      if (__builtin_mul_overflow(result, int64_t{10}, &result) ||
          __builtin_add_overflow(result, int64_t{c - '0'}, &result))
        return std::nullopt;
    if (__builtin_mul_overflow(result, candidate.nanoseconds, &result))
      return std::nullopt;
    // Digit by digit with the exact remainder: 0.1min is 6 s, not 5.999999999 s.
    int64_t scale = 1;
    int64_t numerator = 0;
    for (auto c : fraction) {
      if (scale == second)
        break;
      scale *= 10;
      numerator = numerator * 10 + (c - '0');
    }
    // Split so that no product leaves 64 bits.
    auto part = candidate.nanoseconds / scale * numerator +
                candidate.nanoseconds % scale * numerator / scale;
    if (__builtin_add_overflow(result, part, &result))
      return std::nullopt;
    return caf::timespan{result};
  }
  return std::nullopt;
}

std::string to_duration_text(caf::timespan value) {
  static constexpr std::array<std::pair<int64_t, std::string_view>, 3> scales{
      {{second, "s"}, {1'000'000, "ms"}, {1'000, "us"}}};
  auto count = value.count();
  for (auto& [size, name] : scales)
    if (count % size == 0)
      return std::to_string(count / size) + std::string{name};
  return std::to_string(count) + "ns";
}

} // namespace dbs
