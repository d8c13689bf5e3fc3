// The settings in force as JSON, for tools.
#pragma once

#include "dbs/config/load.hpp"

#include <string>

namespace dbs::observe {

/// Nested by the dots of the keys; secrets are masked. Beside the values `origins`
/// says where each comes from, by dotted key. Ends with a line end.
std::string configuration_json(const loaded_settings& configuration);

} // namespace dbs::observe
