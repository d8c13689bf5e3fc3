#include "dbs/config/validation.hpp"

#include "dbs/config/internal/setting_candidate.hpp"
#include "dbs/config/modes.hpp"
#include "dbs/config/setting_value.hpp"

#include <algorithm>
#include <variant>

namespace dbs {

namespace {

bool is_target(const setting_descriptor& row) {
  return std::holds_alternative<database_url_setting>(row.type) ||
         std::holds_alternative<redis_url_setting>(row.type);
}

} // namespace

std::vector<setting_conflict> find_conflicts(const settings& values) {
  std::vector<setting_conflict> result;
  if (values.redis.pool_min > values.redis.pool_max)
    result.push_back({"redis.pool_min", "redis.pool_max", "must not be greater than"});
  if (values.database.min_idle > values.database.pool_size)
    result.push_back({"database.min_idle", "database.pool_size", "must not be greater than"});
  if (values.database.strict_reset && values.database.transaction_pooler)
    result.push_back(
        {"database.strict_reset", "database.transaction_pooler", "cannot be combined with"});
  return result;
}

caf::error validate_settings(const settings& values, bool require_targets) {
  std::vector<internal::setting_violation> violations;
  setting_origin origin{setting_source::program, {}, 0};
  for (auto& row : setting_table()) {
    if (is_target(row) || (row.key == "mode" && values.mode.empty()))
      continue;
    // What the table takes as text is what it allows.
    auto scratch = values;
    auto text = setting_text(row, values);
    if (auto problem = assign_setting(row, scratch, text))
      violations.push_back(internal::bad_value({&row, text, origin}, *problem));
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
    judge_target("database.url", values.database.target.hosts);
    judge_target("redis.url", {values.redis.target.address});
  }
  return internal::to_error(std::move(violations));
}

} // namespace dbs
