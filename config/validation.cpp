#include "dbs/config/validation.hpp"

#include "dbs/config/database_name.hpp"
#include "dbs/config/internal/setting_candidate.hpp"
#include "dbs/config/modes.hpp"
#include "dbs/config/setting_value.hpp"

#include <algorithm>
#include <variant>

namespace dbs {

namespace {

/// Whether the URL asks for servers that take writes.
bool wants_read_write(const database_target& target) {
  return std::any_of(target.parameters.begin(), target.parameters.end(), [](const auto& x) {
    return x.first == "target_session_attrs" && x.second == "read-write";
  });
}

void add_conflicts(const std::string& group, const database_settings& database,
                   std::vector<setting_conflict>& out) {
  if (database.min_idle > database.pool_size)
    out.push_back({group + ".min_idle", group + ".pool_size", "must not be greater than"});
  if (database.strict_reset && database.transaction_pooler)
    out.push_back(
        {group + ".strict_reset", group + ".transaction_pooler", "cannot be combined with"});
  // A pooler lets no option of a session pass.
  if (database.read_only && database.transaction_pooler)
    out.push_back({group + ".read_only", group + ".transaction_pooler", "cannot be combined with"});
  // No session of ours would ever look like one that takes writes.
  if (database.read_only && wants_read_write(database.target))
    out.push_back({group + ".read_only", group + ".url",
                   "cannot be combined with target_session_attrs=read-write of"});
}

} // namespace

std::vector<setting_conflict> find_conflicts(const settings& values) {
  std::vector<setting_conflict> result;
  if (values.redis.pool_min > values.redis.pool_max)
    result.push_back({"redis.pool_min", "redis.pool_max", "must not be greater than"});
  for (auto& name : database_names(values))
    add_conflicts(database_group(name), database_of(values, name), result);
  return result;
}

caf::error validate_settings(const settings& given, bool require_targets) {
  std::vector<internal::setting_violation> violations;
  setting_origin origin{setting_source::program, {}, 0};
  auto values = given;
  for (auto& [name, database] : given.databases) {
    if (is_database_name(name))
      continue;
    violations.push_back(internal::bad_database_name(name, origin));
    values.databases.erase(name); // its settings have no keys
  }
  if (auto excess = internal::too_many_databases(given))
    violations.push_back(std::move(*excess));
  for (auto& row : setting_table(values)) {
    if (is_target(row) || (row.key == "mode" && values.mode.empty()))
      continue;
    // What the table takes as text is what it allows.
    auto scratch = values;
    auto text = setting_text(row, values);
    if (auto problem = assign_setting(row, scratch, text))
      violations.push_back(internal::bad_value({row, text, origin}, *problem));
  }
  for (auto& conflict : find_conflicts(values))
    violations.push_back(internal::conflicting_value(conflict, values, origin, origin));
  auto judge_target = [&](std::string_view key, const std::vector<host_port>& hosts) {
    auto is_broken = [](const host_port& x) { return x.host.empty() || x.port == 0; };
    if (hosts.empty() || hosts.front() == host_port{})
      violations.push_back(internal::missing_target(key));
    else if (std::any_of(hosts.begin(), hosts.end(), is_broken))
      violations.push_back(internal::unusable_target(key, origin));
  };
  if (require_targets) {
    for (auto& name : database_names(values))
      judge_target(database_group(name) + ".url", database_of(values, name).target.hosts);
    judge_target("redis.url", {values.redis.target.address});
  }
  return internal::to_error(std::move(violations));
}

} // namespace dbs
