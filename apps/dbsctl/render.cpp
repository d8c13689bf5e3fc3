#include "render.hpp"

#include "terminal.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <vector>

namespace dbs::ctl {

namespace {

using table = std::vector<std::vector<std::string>>;

std::string text(const nlohmann::json& x) {
  if (x.is_null())
    return "-";
  return printable(x.is_string() ? x.get<std::string>() : x.dump());
}

void flatten(const nlohmann::json& x, const std::string& name, table& out) {
  if (!x.is_object()) {
    out.push_back({printable(name), text(x)});
    return;
  }
  for (auto& [key, value] : x.items())
    flatten(value, name.empty() ? key : fmt::format("{}.{}", name, key), out);
}

std::string align(const table& rows) {
  std::vector<size_t> widths;
  for (auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], width(row[i]));
  }
  std::string result;
  for (auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      result += row[i];
      if (i + 1 < row.size())
        result.append(widths[i] - width(row[i]) + 2, ' ');
    }
    result += '\n';
  }
  return result;
}

bool is_table(const nlohmann::json& x) {
  return x.is_array() && !x.empty() &&
         std::all_of(x.begin(), x.end(), [](auto& row) { return row.is_object(); });
}

} // namespace

std::string render(const nlohmann::json& value) {
  table rows;
  if (is_table(value)) {
    std::vector<std::string> header;
    for (auto& [key, cell] : value.front().items())
      header.push_back(key);
    rows.push_back(header);
    for (auto& object : value) {
      std::vector<std::string> cells;
      for (auto& key : header)
        cells.push_back(text(object.value(key, nlohmann::json{})));
      rows.push_back(std::move(cells));
    }
  } else if (value.is_array()) {
    return "none\n";
  } else {
    flatten(value, {}, rows);
  }
  return align(rows);
}

std::string render_dependencies(const nlohmann::json& children, bool as_dot) {
  std::string edges;
  for (auto& child : children)
    for (auto& dependency : child["dependencies"])
      edges += fmt::format("{}{} -> {}{}\n", as_dot ? "  " : "", text(child["id"]),
                           text(dependency), as_dot ? ";" : "");
  if (!as_dot)
    return edges;
  std::string nodes;
  for (auto& child : children)
    nodes += fmt::format("  {};\n", text(child["id"]));
  return fmt::format("digraph services {{\n{}{}}}\n", nodes, edges);
}

std::string render_rows(const nlohmann::json& columns, const nlohmann::json& rows) {
  table lines;
  auto add = [&lines](const nlohmann::json& cells) {
    lines.emplace_back();
    for (auto& x : cells)
      lines.back().push_back(text(x));
  };
  add(columns);
  for (auto& row : rows)
    add(row);
  return align(lines);
}

} // namespace dbs::ctl
