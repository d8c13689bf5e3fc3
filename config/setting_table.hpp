// The table of settings: one row per setting with its key, its environment
// variable, its type and range, and where it lives in `settings`.
//
// The table drives the loader for all sources, the validation, `config show` and
// the test that holds docs/configuration.md against it. A new setting is a member
// in settings.hpp, a row here and a row in the documentation.
#pragma once

#include "dbs/config/settings.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace dbs {

/// The member of `settings` that a row stands for. For a setting of a named database it
/// is the one of `settings::database`; `assign_setting` and its like know the difference.
template <class T>
using setting_member = T& (*)(settings&);

struct boolean_setting {
  setting_member<bool> member;
};

struct integer_setting {
  std::variant<setting_member<uint16_t>, setting_member<uint32_t>> member;
  uint32_t min;
  uint32_t max;
};

struct number_setting {
  setting_member<double> member;
  double min;
  double max;
};

struct duration_setting {
  setting_member<caf::timespan> member;
  caf::timespan min;
  caf::timespan max;
};

/// One of several words. The empty word, where it is a choice, is the default only
/// and cannot be written.
struct choice_setting {
  setting_member<std::string> member;
  std::span<const std::string_view> choices;
};

/// Text with a rule of its own.
struct text_setting {
  setting_member<std::string> member;
  bool (*accepts)(std::string_view);
  std::string_view allowed;
};

struct database_url_setting {
  setting_member<database_target> member;
};

struct redis_url_setting {
  setting_member<redis_target> member;
};

using setting_type =
    std::variant<boolean_setting, integer_setting, number_setting, duration_setting, choice_setting,
                 text_setting, database_url_setting, redis_url_setting>;

struct setting_descriptor {
  /// Dotted, as in the file and on the command line: "database.pool_size".
  std::string key;
  /// The environment variable, the only one for this setting.
  std::string env;
  setting_type type;
  /// One line, without a full stop.
  std::string_view doc;
  /// The named database whose setting this is; empty for all others.
  std::string database = {};
};

/// Whether it is the URL of a server.
bool is_target(const setting_descriptor& row);

/// All rows, in the order in which they are shown, but for those of named databases.
const std::vector<setting_descriptor>& setting_table();

/// The same with the rows of every named database of `values`: what the table has under
/// "database." stands once more under "databases.NAME.", with a variable by the rule
/// (DBS_DATABASES_NAME_POOL_SIZE).
std::vector<setting_descriptor> setting_table(const settings& values);

/// The row of a dotted key, if there is one; for a named database, of any name that
/// `is_database_name` takes.
std::optional<setting_descriptor> find_setting(std::string_view key);

/// The variable of a key by the rule: "DBS_" and the key in upper case, with underscores.
std::string variable_by_rule(std::string_view key);

} // namespace dbs
