// What `config show` prints: every setting with its value and where it comes from.
#pragma once

#include "dbs/config/load.hpp"
#include "dbs/messages/field.hpp"

#include <string>
#include <vector>

namespace dbs {

struct setting_view {
  /// Dotted; the dots are the nesting of a JSON form. No key is the prefix of
  /// another one.
  std::string key;
  /// The variable that sets it.
  std::string env;
  /// For programs: durations in seconds.
  field::value_type value;
  /// For people: `200ms`.
  std::string text;
  /// "default", "environment variable DATABASE_URL".
  std::string origin;
  std::string doc;
  /// True for a part of a URL, which cannot be set alone.
  bool derived = false;
};

/// Every row of the table with the named databases, in its order. A URL is shown as its
/// parts (database.host, redis.db and so on); passwords are "***". Any thread.
std::vector<setting_view> describe_settings(const loaded_settings& settings);

} // namespace dbs
