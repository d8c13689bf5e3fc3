// The rules for names and labels of metrics.
#pragma once

#include "dbs/runtime/observe/metrics.hpp"

#include <caf/error.hpp>

#include <string>
#include <string_view>

namespace dbs::observe::internal {

std::string_view to_string(metric_kind kind);

/// Says what is wrong with a registration; an empty error if nothing is.
caf::error check_metric(metric_kind kind, const std::string& name, const std::string& help,
                        const labels& label_set);

} // namespace dbs::observe::internal
