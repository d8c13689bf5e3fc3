// Targets as text, such as ">= 0.85", "<= 60" or "< 50".
#pragma once

#include <string>

namespace dbs::bench {

/// True if `value` fulfils `target`. Throws `std::invalid_argument` for a target
/// that is not one of the three comparisons, a space and a number.
bool fulfils(const std::string& target, double value);

} // namespace dbs::bench
