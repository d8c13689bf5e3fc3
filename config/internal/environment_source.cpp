#include "dbs/config/internal/environment_source.hpp"

#include "dbs/config/database_name.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

namespace dbs::internal {

namespace {

constexpr std::string_view own_prefix = "DBS_";
constexpr std::string_view named_prefix = "DBS_DATABASES_";

/// The setting of a named database behind its variable. The variable alone does not say
/// where the name ends, but no key is the end of another one.
std::optional<setting_descriptor> find_named(std::string_view variable) {
  constexpr std::string_view own_group = "database.";
  if (!variable.starts_with(named_prefix))
    return std::nullopt;
  for (auto& row : setting_table()) {
    if (!row.key.starts_with(own_group))
      continue;
    auto key = row.key.substr(own_group.size());
    auto end = variable_by_rule(key).substr(own_prefix.size() - 1); // "_URL"
    if (!variable.ends_with(end) || variable.size() <= named_prefix.size() + end.size())
      continue;
    std::string name{
        variable.substr(named_prefix.size(), variable.size() - named_prefix.size() - end.size())};
    for (auto& c : name)
      if (c >= 'A' && c <= 'Z')
        c = static_cast<char>(c - 'A' + 'a');
    auto found = find_setting(database_group(name) + "." + key);
    // In any other case it is another variable.
    return found && found->env == variable ? found : std::nullopt;
  }
  return std::nullopt;
}

setting_violation unknown_variable(const std::string& name) {
  std::string hint;
  std::vector<std::string_view> known;
  for (auto& row : setting_table()) {
    known.push_back(row.env);
    if (variable_by_rule(row.key) == name)
      hint = "; did you mean " + row.env + "?";
  }
  if (hint.empty())
    hint = suggestion(name, known);
  auto shown = shown_text(name);
  return {shown, shown +
                     ": unknown environment variable; allowed with DBS_: those of "
                     "docs/configuration.md" +
                     hint};
}

} // namespace

source_content read_environment(const std::map<std::string, std::string>& environment) {
  source_content result;
  auto& table = setting_table();
  for (auto& [name, value] : environment) {
    auto matches = [&variable = name](const setting_descriptor& row) {
      return row.env == variable;
    };
    auto row = std::find_if(table.begin(), table.end(), matches);
    auto found = row != table.end() ? std::optional{*row} : find_named(name);
    if (found)
      result.candidates.push_back({*found, value, {setting_source::environment, name, 0}});
    else if (name.starts_with(own_prefix))
      result.violations.push_back(unknown_variable(name));
  }
  return result;
}

source_content read_flags(const std::optional<std::string>& mode,
                          const std::vector<std::pair<std::string, std::string>>& flags) {
  source_content result;
  if (mode)
    result.candidates.push_back(
        {*find_setting("mode"), *mode, {setting_source::flag, "--mode", 0}});
  for (auto& [key, value] : flags) {
    auto row = find_setting(key);
    if (!row) {
      auto shown = shown_text(key);
      result.violations.push_back({shown, shown + ": unknown flag" + allowed_keys(key)});
      continue;
    }
    setting_candidate candidate{*row, value, {setting_source::flag, "--set " + key, 0}};
    auto is_same = [&row](const setting_candidate& x) { return x.row.key == row->key; };
    auto earlier = std::find_if(result.candidates.begin(), result.candidates.end(), is_same);
    if (earlier == result.candidates.end())
      result.candidates.push_back(std::move(candidate));
    else if (earlier->text != value)
      result.violations.push_back(bad_value(candidate, "differs from what is given before it"));
  }
  return result;
}

} // namespace dbs::internal
