// Whether the files that settings name can be used.
#pragma once

#include "dbs/config/load.hpp"

#include <caf/error.hpp>

namespace dbs {

/// Tells whether the file of log.file can be written, or made, and that of
/// redis.ca_file read, as far as the permissions tell, and makes nothing. For a check
/// of the configuration: a node finds out by opening them. The error is as that of
/// `load_settings`. Any thread.
caf::error check_file_access(const loaded_settings& settings);

} // namespace dbs
