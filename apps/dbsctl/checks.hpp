// The runbook's checks before a deployment; each returns the program's exit code.
#pragma once

#include "options.hpp"

#include <caf/timespan.hpp>

namespace dbs::ctl {

/// The status of every component of the runbook, one line each.
int run_preflight(const options& how);

/// How long the first level of the cache takes, measured by the node.
///
/// @param l1_delay is waited for in each round, to see the check fail.
int run_baseline(const options& how, caf::timespan l1_delay);

} // namespace dbs::ctl
