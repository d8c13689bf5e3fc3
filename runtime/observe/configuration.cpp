#include "dbs/runtime/observe/configuration.hpp"

#include "dbs/config/show.hpp"
#include "dbs/runtime/observe/json.hpp"

namespace dbs::observe {

std::string configuration_json(const loaded_settings& configuration) {
  std::vector<field> fields;
  auto origins = nlohmann::json::object();
  for (auto& x : describe_settings(configuration)) {
    fields.push_back({x.key, x.value});
    origins[x.key] = to_json(field::value_type{x.origin});
  }
  auto result = to_json(fields);
  result["origins"] = std::move(origins);
  return result.dump(2) + "\n";
}

} // namespace dbs::observe
