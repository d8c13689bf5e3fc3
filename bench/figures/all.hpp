// The table of all figures. docs/benchmarks.md explains each.
#pragma once

#include "harness/figure.hpp"

#include <vector>

namespace dbs::bench {

/// In the order in which they are run and shown.
std::vector<figure> all_figures();

// The parts, one per source file.
std::vector<figure> actor_figures();
std::vector<figure> redis_figures();
std::vector<figure> cache_figures();
std::vector<figure> crash_figures();
std::vector<figure> database_figures();
std::vector<figure> l1_figures();
std::vector<figure> node_figures();
std::vector<figure> transfer_figures();

} // namespace dbs::bench
