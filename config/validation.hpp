// Judges settings that are complete: the rules that tie several of them together,
// and all rules for a `settings` that a host filled in itself.
#pragma once

#include "dbs/config/settings.hpp"

#include <caf/error.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace dbs {

/// A rule between two settings that is broken.
struct setting_conflict {
  std::string key;
  std::string other;
  /// What `key` must not be in relation to `other`: "must not be greater than".
  std::string_view rule;
};

/// Every rule between settings that `values` break; not the ranges of single ones.
std::vector<setting_conflict> find_conflicts(const settings& values);

/// Checks settings that a host filled in by hand, as completely as `load_settings`
/// checks its sources: ranges, conflicts, the names of databases, and that all targets have
/// hosts with ports if `require_targets`. What `load_settings` returned passes. The error is as
/// there, with "the program" as the origin of all values. Any thread.
caf::error validate_settings(const settings& given, bool require_targets = true);

} // namespace dbs
