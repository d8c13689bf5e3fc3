// What a source says about one setting, before anybody judged it, and what is
// found to be wrong with it.
#pragma once

#include "dbs/config/setting_origin.hpp"
#include "dbs/config/setting_table.hpp"
#include "dbs/config/validation.hpp"

#include <caf/error.hpp>

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace dbs::internal {

struct setting_candidate {
  setting_descriptor row;
  /// As `assign_setting` takes it, whatever type it had in its source.
  std::string text;
  setting_origin origin;
};

struct setting_violation {
  /// The dotted key; the variable or key when it is unknown, as `shown_text` has it.
  std::string name;
  /// One line.
  std::string message;
};

/// What reading a source results in.
struct source_content {
  std::vector<setting_candidate> candidates;
  std::vector<setting_violation> violations;
  /// The named databases that the source mentions, with settings or without.
  std::set<std::string> databases = {};
  /// Whether nobody knows what else the source says.
  bool unreadable = false;
};

/// How messages call a setting, whichever source it came from: "database.pool_size
/// (DATABASE_POOL_SIZE)".
std::string display_name(const setting_descriptor& row);

/// A key or value as messages have it, whoever wrote it: what may hold a password is
/// masked, control characters are replaced, long text is cut.
std::string shown_text(std::string_view text);

/// The value of a candidate by the same rule, in quotes; URLs are always masked.
std::string shown_value(const setting_candidate& candidate);

/// The one line for a value that is not allowed.
setting_violation bad_value(const setting_candidate& candidate, std::string_view problem);

/// The one line for two settings that contradict each other.
setting_violation conflicting_value(const setting_conflict& conflict, const settings& values,
                                    const setting_origin& origin,
                                    const setting_origin& other_origin);

/// The one line for a URL that must be there.
setting_violation missing_target(std::string_view key);

/// The one line for a target whose servers cannot be addressed.
setting_violation unusable_target(std::string_view key, const setting_origin& origin);

/// The one line for a name that no database can have.
setting_violation bad_database_name(std::string_view name, const setting_origin& origin);

/// The one line for more named databases than there may be, if there are.
std::optional<setting_violation> too_many_databases(const settings& values);

/// The error of all violations; none if there are none.
caf::error to_error(std::vector<setting_violation> violations);

/// The part of an unknown name's message that helps: "; did you mean X?" for the
/// nearest one of `known`, if any is near.
std::string suggestion(std::string_view name, const std::vector<std::string_view>& known);

/// The same for an unknown dotted key, with where the keys are listed.
std::string allowed_keys(std::string_view key);

} // namespace dbs::internal
