// Settings from the environment and from flags: both are pairs of texts.
#pragma once

#include "dbs/config/internal/setting_candidate.hpp"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dbs::internal {

/// Takes the variables of the table, those of named databases among them. Others are left alone,
/// save for those that begin with DBS_: they are meant for us and nobody else.
source_content read_environment(const std::map<std::string, std::string>& environment);

/// Takes the mode of `config_sources::mode_flag`, and pairs of a dotted key and a text,
/// as `config_sources::flags` has them. What is given twice with different values is a
/// violation.
source_content read_flags(const std::optional<std::string>& mode,
                          const std::vector<std::pair<std::string, std::string>>& flags);

} // namespace dbs::internal
