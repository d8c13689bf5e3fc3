#include "dbs/config/internal/environment_source.hpp"

#include <algorithm>

namespace dbs::internal {

namespace {

constexpr std::string_view own_prefix = "DBS_";

/// The name a variable of this row would have by the rule for the others; people
/// who know the rule try it on the variables of the runbook as well.
std::string name_by_rule(std::string_view key) {
  std::string result{own_prefix};
  for (auto c : key)
    result += c == '.' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return result;
}

setting_violation unknown_variable(const std::string& name) {
  std::string hint;
  std::vector<std::string_view> known;
  for (auto& row : setting_table()) {
    known.push_back(row.env);
    if (name_by_rule(row.key) == name)
      hint = "; did you mean " + std::string{row.env} + "?";
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
    if (row != table.end())
      result.candidates.push_back({&*row, value, {setting_source::environment, name, 0}});
    else if (name.starts_with(own_prefix))
      result.violations.push_back(unknown_variable(name));
  }
  return result;
}

source_content read_flags(const std::optional<std::string>& mode,
                          const std::vector<std::pair<std::string, std::string>>& flags) {
  source_content result;
  if (mode)
    result.candidates.push_back({find_setting("mode"), *mode, {setting_source::flag, "--mode", 0}});
  for (auto& [key, value] : flags) {
    auto* row = find_setting(key);
    if (row == nullptr) {
      auto shown = shown_text(key);
      result.violations.push_back({shown, shown + ": unknown flag" + allowed_keys(key)});
      continue;
    }
    setting_candidate candidate{row, value, {setting_source::flag, "--set " + key, 0}};
    auto is_same = [row](const setting_candidate& x) { return x.row == row; };
    auto earlier = std::find_if(result.candidates.begin(), result.candidates.end(), is_same);
    if (earlier == result.candidates.end())
      result.candidates.push_back(std::move(candidate));
    else if (earlier->text != value)
      result.violations.push_back(bad_value(candidate, "differs from what is given before it"));
  }
  return result;
}

} // namespace dbs::internal
