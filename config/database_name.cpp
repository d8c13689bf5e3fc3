#include "dbs/config/database_name.hpp"

#include <algorithm>

namespace dbs {

bool is_database_name(std::string_view name) {
  constexpr size_t max_size = 32;
  auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  auto fits = [is_letter](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_'; };
  return !name.empty() && name.size() <= max_size && is_letter(name.front()) &&
         std::all_of(name.begin(), name.end(), fits) && name != "default";
}

std::optional<std::string_view> database_in(std::string_view key) {
  constexpr std::string_view groups = "databases.";
  if (!key.starts_with(groups))
    return std::nullopt;
  auto rest = key.substr(groups.size());
  return rest.substr(0, rest.find('.'));
}

std::string database_group(std::string_view name) {
  return name.empty() ? "database" : "databases." + std::string{name};
}

std::vector<std::string> database_names(const settings& values) {
  std::vector<std::string> result{""};
  for (auto& [name, database] : values.databases)
    result.push_back(name);
  return result;
}

const database_settings& database_of(const settings& values, const std::string& name) {
  return name.empty() ? values.database : values.databases.at(name);
}

database_settings& database_of(settings& values, const std::string& name) {
  return name.empty() ? values.database : values.databases.at(name);
}

} // namespace dbs
