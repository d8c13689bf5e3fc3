#include "dbs/config/internal/setting_candidate.hpp"

#include "dbs/config/database_name.hpp"
#include "dbs/config/setting_value.hpp"
#include "dbs/config/url_mask.hpp"
#include "dbs/messages/error_detail.hpp"

#include <algorithm>
#include <numeric>

namespace dbs::internal {

namespace {

constexpr size_t max_shown = 200;

/// Levenshtein's distance, with one row of the matrix.
size_t distance(std::string_view x, std::string_view y) {
  std::vector<size_t> row(y.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < x.size(); ++i) {
    auto diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < y.size(); ++j) {
      auto above = row[j + 1];
      row[j + 1] = std::min({above + 1, row[j] + 1, diagonal + (x[i] == y[j] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row.back();
}

} // namespace

std::string display_name(const setting_descriptor& row) {
  return row.key + " (" + row.env + ")";
}

/// A variable or a key may hold what was meant for another one, so all text that may
/// hold a password is masked, wherever it stands.
std::string shown_text(std::string_view text) {
  auto result = mask_text(text);
  for (auto& c : result)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      c = '?';
  if (result.size() > max_shown)
    result = result.substr(0, max_shown) + "...";
  return result;
}

std::string shown_value(const setting_candidate& candidate) {
  auto& text = candidate.text;
  auto shown = is_target(candidate.row) && !text.empty() ? mask_url(text) : shown_text(text);
  return "\"" + shown + "\"";
}

setting_violation bad_value(const setting_candidate& candidate, std::string_view problem) {
  auto& row = candidate.row;
  return {row.key, display_name(row) + ": " + shown_value(candidate) + " from " +
                       to_string(candidate.origin) + " " + std::string{problem} +
                       "; allowed: " + allowed_values(row)};
}

setting_violation conflicting_value(const setting_conflict& conflict, const settings& values,
                                    const setting_origin& origin,
                                    const setting_origin& other_origin) {
  auto row = *find_setting(conflict.key);
  auto other = *find_setting(conflict.other);
  return {row.key, display_name(row) + ": \"" + setting_text(row, values) + "\" from " +
                       to_string(origin) + " " + std::string{conflict.rule} + " " +
                       display_name(other) + ", which is \"" + setting_text(other, values) +
                       "\" from " + to_string(other_origin)};
}

setting_violation missing_target(std::string_view key) {
  auto row = *find_setting(key);
  return {std::string{key},
          display_name(row) + ": is missing and has no default; allowed: " + allowed_values(row)};
}

setting_violation unusable_target(std::string_view key, const setting_origin& origin) {
  auto row = *find_setting(key);
  return {std::string{key}, display_name(row) + ": a server from " + to_string(origin) +
                                " has no name or no port; allowed: " + allowed_values(row)};
}

setting_violation bad_database_name(std::string_view name, const setting_origin& origin) {
  auto key = shown_text("databases." + std::string{name});
  return {key, key + " from " + to_string(origin) + ": the name of a database is " +
                   std::string{database_name_grammar}};
}

std::optional<setting_violation> too_many_databases(const settings& values) {
  if (values.databases.size() <= max_databases)
    return std::nullopt;
  return setting_violation{"databases", "databases: " + std::to_string(values.databases.size()) +
                                            " are named; allowed: at most " +
                                            std::to_string(max_databases)};
}

caf::error to_error(std::vector<setting_violation> violations) {
  if (violations.empty())
    return {};
  error_detail detail;
  for (auto& x : violations) {
    detail.what += (detail.what.empty() ? "" : "\n") + x.message;
    detail.fields.push_back({std::move(x.name), std::move(x.message)});
  }
  return fail(errc::config_invalid, std::move(detail));
}

std::string suggestion(std::string_view name, const std::vector<std::string_view>& known) {
  constexpr size_t max_name = 100; // the work is bounded by the product of the lengths
  constexpr size_t near = 3;
  if (name.size() > max_name)
    return {};
  auto best = near + 1;
  std::string_view nearest;
  for (auto candidate : known) {
    auto d = distance(name, candidate);
    if (d < best) {
      best = d;
      nearest = candidate;
    }
  }
  return best > near ? std::string{} : "; did you mean " + std::string{nearest} + "?";
}

std::string allowed_keys(std::string_view key) {
  settings scratch;
  if (auto name = database_in(key)) {
    if (!is_database_name(*name))
      return "; the name of a database is " + std::string{database_name_grammar};
    scratch.databases[std::string{*name}];
  }
  auto rows = setting_table(scratch);
  std::vector<std::string_view> known;
  for (auto& row : rows)
    known.push_back(row.key);
  return "; allowed: the keys of docs/configuration.md" + suggestion(key, known);
}

} // namespace dbs::internal
