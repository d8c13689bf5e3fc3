#include "dbs/config/internal/toml_source.hpp"

#include "dbs/config/database_name.hpp"

#include <toml++/toml.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <fstream>
#include <iterator>
#include <optional>
#include <system_error>
#include <variant>

namespace dbs::internal {

namespace {

std::string line_of(const toml::source_region& region) {
  return " line " + std::to_string(region.begin.line);
}

/// The text for `assign_setting`, if `node` is of a type that `row` takes.
struct as_text {
  const toml::node& node;

  std::optional<std::string> operator()(const boolean_setting&) const {
    if (auto* x = node.as_boolean())
      return x->get() ? "true" : "false";
    return std::nullopt;
  }

  std::optional<std::string> operator()(const integer_setting&) const { return whole(); }

  std::optional<std::string> operator()(const number_setting&) const { return number(); }

  std::optional<std::string> operator()(const duration_setting&) const {
    auto text = number();
    return text ? text : string();
  }

  template <class Text>
  std::optional<std::string> operator()(const Text&) const {
    return string();
  }

private:
  std::optional<std::string> whole() const {
    if (auto* x = node.as_integer())
      return std::to_string(x->get());
    return std::nullopt;
  }

  std::optional<std::string> number() const {
    auto* x = node.as_floating_point();
    if (x == nullptr)
      return whole();
    if (!std::isfinite(x->get()))
      return "nan"; // no setting takes it
    // Without an exponent: durations do not know it. The largest double has 309 digits.
    std::array<char, 1100> buf;
    auto end = std::to_chars(buf.begin(), buf.end(), x->get(), std::chars_format::fixed).ptr;
    return std::string{buf.begin(), end};
  }

  std::optional<std::string> string() const {
    if (auto* x = node.as_string())
      return x->get();
    return std::nullopt;
  }
};

/// The node as text, whatever is wanted; none for arrays, tables and dates.
std::optional<std::string> scalar_text(const toml::node& node) {
  as_text read{node};
  auto text = node.is_string() ? read(text_setting{}) : read(number_setting{});
  return text ? text : read(boolean_setting{});
}

/// Which TOML types `as_text` takes.
struct wanted_type {
  std::string operator()(const boolean_setting&) const { return "a boolean"; }
  std::string operator()(const integer_setting&) const { return "an integer"; }
  std::string operator()(const number_setting&) const { return "a number"; }
  std::string operator()(const duration_setting&) const { return "a number or a string"; }

  template <class Text>
  std::string operator()(const Text&) const {
    return "a string";
  }
};

std::string name_of(toml::node_type type) {
  switch (type) {
  case toml::node_type::table:
    return "a table";
  case toml::node_type::array:
    return "an array";
  case toml::node_type::string:
    return "a string";
  case toml::node_type::integer:
    return "an integer";
  case toml::node_type::floating_point:
    return "a floating-point number";
  case toml::node_type::boolean:
    return "a boolean";
  default:
    return "a date or time";
  }
}

/// Whether the settings of a named database stand in this group.
bool is_group_of_database(std::string_view key) {
  auto name = database_in(key);
  return name && is_database_name(*name) && key == database_group(*name);
}

bool is_group(std::string_view key) {
  if (key == "databases" || is_group_of_database(key))
    return true;
  auto prefix = std::string{key} + ".";
  for (auto& row : setting_table())
    if (row.key.starts_with(prefix))
      return true;
  return false;
}

class walker {
public:
  explicit walker(const std::string& file) : file_(file) {}

  void walk(const toml::table& table, const std::string& prefix) {
    for (auto&& [name, node] : table) {
      // A dot inside of a name is in quotes: it does not separate a group from a key.
      if (name.str().find('.') != std::string_view::npos) {
        refuse(prefix + "\"" + std::string{name.str()} + "\"", name.source(), false);
        continue;
      }
      auto key = prefix + std::string{name.str()};
      auto row = find_setting(key);
      if (row)
        take(*row, node);
      else if (is_group(key) && node.is_table())
        enter(*node.as_table(), key);
      else
        refuse(key, name.source(), is_group(key));
    }
  }

  source_content result;

private:
  void enter(const toml::table& group, const std::string& key) {
    if (is_group_of_database(key))
      result.databases.emplace(*database_in(key));
    walk(group, key + ".");
  }

  void take(const setting_descriptor& row, const toml::node& node) {
    auto origin = setting_origin{setting_source::file, file_, node.source().begin.line};
    if (auto text = std::visit(as_text{node}, row.type)) {
      result.candidates.push_back({row, std::move(*text), std::move(origin)});
      return;
    }
    auto text = scalar_text(node);
    auto value = text ? shown_value({row, std::move(*text), origin}) : "the value";
    result.violations.push_back({row.key, display_name(row) + ": " + value + " from " +
                                              to_string(origin) + " is " + name_of(node.type()) +
                                              "; allowed: " + std::visit(wanted_type{}, row.type)});
  }

  void refuse(const std::string& key, const toml::source_region& region, bool group) {
    auto what = group ? std::string{": must be a table"} : allowed_keys(key);
    auto shown = shown_text(key);
    auto lead = shown + (group ? "" : ": unknown key") + " in file " + file_ + line_of(region);
    result.violations.push_back({shown, lead + what});
  }

  const std::string& file_;
};

source_content unreadable(const std::string& name, const std::string& why) {
  return {{}, {{name, "file " + name + ": " + why}}, {}, true};
}

} // namespace

source_content read_toml(std::string_view text, const std::string& name) {
  try {
    auto document = toml::parse(text);
    walker w{name};
    w.walk(document, "");
    return std::move(w.result);
  } catch (const toml::parse_error& problem) {
    // Its sentences quote keys, which may be anything, and single characters.
    return unreadable(name + line_of(problem.source()), shown_text(problem.description()));
  }
}

source_content read_toml_file(const std::filesystem::path& path) {
  auto name = path.string();
  std::error_code code;
  auto kind = std::filesystem::status(path, code).type();
  if (kind == std::filesystem::file_type::directory)
    return unreadable(name, "cannot be read: it is a directory");
  errno = 0;
  std::ifstream in{path, std::ios::binary};
  if (!in)
    return unreadable(name, "cannot be read: " + std::generic_category().message(errno));
  std::string text(max_config_bytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad())
    return unreadable(name, "cannot be read");
  text.resize(static_cast<size_t>(in.gcount()));
  if (text.size() > max_config_bytes)
    return unreadable(name, "is larger than " + std::to_string(max_config_bytes) + " bytes");
  return read_toml(text, name);
}

} // namespace dbs::internal
