// Runs the rounds of a figure and sums them up.
#pragma once

#include "harness/figure.hpp"

#include <nlohmann/json.hpp>

#include <string>

namespace dbs::bench {

/// Measures in this process. The result has, in this order of meaning:
///
/// - `name`, `unit`, `ours`, `peer`, `peer_name`, `ratio`, `target`, `ok`, where ours
///   and peer are medians, and what does not apply is null;
/// - `placement`, `rounds`, `ours_range`, `peer_range` ([min, max] of the rounds);
/// - `details` if the contest has any.
nlohmann::json measure(const figure& what);

/// The result of a figure that failed: `ok` is false and `error` says why.
nlohmann::json not_measured(const figure& what, const std::string& error);

} // namespace dbs::bench
