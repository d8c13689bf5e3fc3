#include "dbs/config/load.hpp"

#include "dbs/config/database_name.hpp"
#include "dbs/config/duration.hpp"
#include "dbs/config/internal/environment_source.hpp"
#include "dbs/config/internal/setting_candidate.hpp"
#include "dbs/config/internal/toml_source.hpp"
#include "dbs/config/modes.hpp"
#include "dbs/config/setting_value.hpp"
#include "dbs/config/validation.hpp"

#include <algorithm>
#include <set>
#include <string_view>
#include <variant>

#include <unistd.h>

namespace dbs {

namespace {

class loader {
public:
  explicit loader(const config_sources& sources) : sources_(sources) {}

  caf::expected<loaded_settings> run() {
    if (sources_.file) {
      auto content = internal::read_toml_file(*sources_.file);
      file_is_unreadable_ = content.unreadable;
      read(std::move(content));
    }
    read(internal::read_environment(sources_.environment));
    read(internal::read_flags(sources_.mode_flag, sources_.flags));
    if (!sources_.mode.empty())
      candidates_.push_back(
          {*find_setting("mode"), sources_.mode, {setting_source::program, {}, 0}});
    // Now that all databases are known:
    rows_ = setting_table(result_.values);
    for (auto& row : rows_)
      result_.origins.emplace(row.key, setting_origin{});
    for (auto& [key, text] : sources_.development)
      apply({*find_setting(key), text, {setting_source::development, {}, 0}});
    apply_mode();
    // In ascending order of strength; what is overridden has to be valid as well.
    for (auto& candidate : candidates_)
      apply(candidate);
    for (auto& name : database_names(result_.values))
      apply_url_arguments(name);
    check();
    if (auto problem = internal::to_error(std::move(violations_)))
      return problem;
    return std::move(result_);
  }

private:
  void read(internal::source_content content) {
    for (auto& name : content.databases)
      result_.values.databases.try_emplace(name);
    for (auto& x : content.candidates) {
      if (!x.row.database.empty())
        result_.values.databases.try_emplace(x.row.database);
      candidates_.push_back(std::move(x));
    }
    for (auto& x : content.violations)
      violate(std::move(x));
  }

  void violate(internal::setting_violation x) {
    violated_.insert(x.name);
    violations_.push_back(std::move(x));
  }

  setting_origin& origin(std::string_view key) { return result_.origins.find(key)->second; }

  static bool is_preset(const setting_descriptor& row) {
    auto key = row.database.empty() ? row.key : "database" + row.key.substr(row.key.rfind('.'));
    return std::find(preset_keys.begin(), preset_keys.end(), key) != preset_keys.end();
  }

  /// The preset of the strongest source that names a mode; `apply` judges the name.
  void apply_mode() {
    auto is_mode = [](const internal::setting_candidate& x) { return x.row.key == "mode"; };
    auto chosen = std::find_if(candidates_.rbegin(), candidates_.rend(), is_mode);
    auto* preset = chosen != candidates_.rend() ? find_mode(chosen->text) : nullptr;
    if (preset == nullptr)
      return;
    dbs::apply_mode(*preset, result_.values);
    for (auto& row : rows_)
      if (is_preset(row))
        origin(row.key) = {setting_source::mode, std::string{preset->name}, 0};
  }

  void apply(const internal::setting_candidate& candidate) {
    if (auto problem = assign_setting(candidate.row, result_.values, candidate.text)) {
      violate(internal::bad_value(candidate, *problem));
      return;
    }
    origin(candidate.row.key) = candidate.origin;
    if (std::holds_alternative<database_url_setting>(candidate.row.type))
      judge_url_arguments(candidate.row.database);
  }

  /// What the URL of a database that was applied last says about other settings.
  std::vector<internal::setting_candidate> url_arguments(const std::string& database) const {
    std::vector<internal::setting_candidate> result;
    auto group = database_group(database);
    auto add = [&result, &group](const char* key, std::string text) {
      result.push_back(
          {*find_setting(group + key), std::move(text), {setting_source::url, group + ".url", 0}});
    };
    auto& target = database_of(result_.values, database).target;
    if (target.connect_timeout)
      add(".connect_timeout", to_duration_text(*target.connect_timeout));
    if (target.statement_timeout)
      add(".statement_timeout", to_duration_text(*target.statement_timeout));
    if (target.statement_cache)
      add(".statement_cache", std::to_string(*target.statement_cache));
    return result;
  }

  /// The arguments have to be valid even if other sources override them, or the URL.
  void judge_url_arguments(const std::string& database) {
    for (auto& argument : url_arguments(database)) {
      auto scratch = result_.values;
      if (auto problem = assign_setting(argument.row, scratch, argument.text))
        violate(internal::bad_value(argument, *problem));
    }
  }

  /// Assigns what no stronger source gave.
  void apply_url_arguments(const std::string& database) {
    for (auto& argument : url_arguments(database)) {
      auto key = argument.row.key;
      if (origin(key).source < setting_source::url && !is_violated(key))
        apply(argument);
    }
  }

  void check() {
    for (auto& name : database_names(result_.values)) {
      auto& database = database_of(result_.values, name);
      // A small pool is no reason to complain about a default.
      if (origin(database_group(name) + ".min_idle").source == setting_source::builtin)
        database.min_idle = std::min(database.min_idle, database.pool_size);
    }
    if (auto excess = internal::too_many_databases(result_.values))
      violate(std::move(*excess));
    for (auto& conflict : find_conflicts(result_.values)) {
      if (!is_unknown(conflict.key) && !is_unknown(conflict.other))
        violate(internal::conflicting_value(conflict, result_.values, origin(conflict.key),
                                            origin(conflict.other)));
    }
    if (!sources_.require_targets)
      return;
    for (auto& row : rows_)
      if (is_target(row) && origin(row.key).source == setting_source::builtin &&
          !is_unknown(row.key))
        violate(internal::missing_target(row.key));
  }

  bool is_violated(std::string_view key) const { return violated_.find(key) != violated_.end(); }

  /// Whether nobody chose what a setting has: a value that was refused has left its
  /// default behind, or the file cannot be read, which may have one.
  bool is_unknown(std::string_view key) {
    return is_violated(key) || (file_is_unreadable_ && origin(key).source < setting_source::file);
  }

  const config_sources& sources_;
  /// The table with all databases that some source names.
  std::vector<setting_descriptor> rows_;
  std::vector<internal::setting_candidate> candidates_;
  std::vector<internal::setting_violation> violations_;
  std::set<std::string, std::less<>> violated_;
  bool file_is_unreadable_ = false;
  loaded_settings result_;
};

} // namespace

caf::expected<loaded_settings> load_settings(const config_sources& sources) {
  return loader{sources}.run();
}

std::map<std::string, std::string> read_process_environment() {
  std::map<std::string, std::string> result;
  for (auto** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    std::string_view text{*entry};
    auto equals = text.find('=');
    if (equals != std::string_view::npos)
      result.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return result;
}

} // namespace dbs
