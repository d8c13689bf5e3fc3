// The figures of the cache as reports.
#pragma once

#include "dbs/messages/cache/stats.hpp"
#include "dbs/messages/field.hpp"
#include "dbs/runtime/cache/cache_memory.hpp"
#include "dbs/runtime/cache/level_figures.hpp"

#include <vector>

namespace dbs {

/// From any thread, but for what is of the cache's loop alone: so from there.
cache_stats stats_of(const cache::cache_memory& memory, const cache::level_counters& l2,
                     const cache::level_counters& l3);

/// As `dbsctl` and HTTP show them: `l1_hit_rate`, `l2_hit_rate` and so on at the top, the
/// levels below `l1`, `l2`, `l3`.
std::vector<field> fields_of(const cache_stats& stats);

} // namespace dbs
