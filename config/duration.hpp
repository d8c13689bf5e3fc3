// Durations as people write them: "250ms", "5s", "10min", or a number of seconds.
// For every setting and URL argument that is a time.
#pragma once

#include <caf/timespan.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace dbs {

/// What `parse_duration` takes, for messages and documentation.
inline constexpr std::string_view duration_grammar =
    "a number of seconds (0.2) or a number with a unit: ns, us, ms, s, min, h, d (250ms)";

/// Reads `digits[.digits][unit]`; without a unit the number is seconds. Digits
/// beyond the nanosecond are cut off. Nothing for any other text: signs, spaces,
/// exponents, a bare "m", or more than a `caf::timespan` can hold (292 years).
std::optional<caf::timespan> parse_duration(std::string_view text);

/// Renders in the largest of s, ms, us and ns that divides `value`: "300s",
/// "200ms". `parse_duration` reads it back.
std::string to_duration_text(caf::timespan value);

} // namespace dbs
