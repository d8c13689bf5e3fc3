#include "dbs/runtime/observe/configuration.hpp"

#include "dbs/config/show.hpp"
#include "dbs/runtime/observe/json.hpp"

namespace dbs::observe {

std::string configuration_json(const loaded_settings& configuration) {
  std::vector<field> fields;
  for (auto& x : describe_settings(configuration))
    fields.push_back({x.key, x.value});
  return to_json(fields).dump(2) + "\n";
}

} // namespace dbs::observe
