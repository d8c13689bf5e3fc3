#include "dbs/runtime/observe/json.hpp"

#include "dbs/messages/utf8.hpp"

#include <cmath>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

namespace dbs::observe {

namespace {

constexpr size_t max_parts = 16;

/// The parts between the dots; none if the name cannot nest.
std::vector<std::string> split(std::string_view name) {
  std::vector<std::string> result;
  for (size_t begin = 0; begin <= name.size();) {
    auto end = std::min(name.find('.', begin), name.size());
    if (end == begin || result.size() == max_parts)
      return {};
    result.emplace_back(name.substr(begin, end - begin));
    begin = end + 1;
  }
  return result;
}

/// Where the value with these parts goes; nullptr if a value is in the way.
nlohmann::json* find_place(nlohmann::json& root, const std::vector<std::string>& parts) {
  // Look before touching anything, so that a conflict leaves no empty objects.
  const nlohmann::json* seen = &root;
  for (auto& part : parts) {
    if (!seen->is_object())
      return nullptr;
    auto i = seen->find(part);
    if (i == seen->end()) {
      seen = nullptr;
      break;
    }
    seen = &*i;
  }
  if (seen != nullptr && seen->is_object())
    return nullptr;
  auto* place = &root;
  for (auto& part : parts)
    place = &(*place)[part];
  return place;
}

} // namespace

nlohmann::json to_json(const field::value_type& value) {
  return std::visit(
      [](const auto& x) -> nlohmann::json {
        using type = std::decay_t<decltype(x)>;
        if constexpr (std::is_same_v<type, std::string>)
          return to_utf8(x);
        else if constexpr (std::is_same_v<type, double>)
          return std::isfinite(x) ? nlohmann::json(x) : nlohmann::json();
        else
          return x;
      },
      value);
}

nlohmann::json to_json(const std::vector<field>& fields) {
  auto result = nlohmann::json::object();
  for (auto& x : fields) {
    auto name = to_utf8(x.name);
    auto parts = split(name);
    auto* place = parts.empty() ? nullptr : find_place(result, parts);
    (place != nullptr ? *place : result[name]) = to_json(x.value);
  }
  return result;
}

} // namespace dbs::observe
