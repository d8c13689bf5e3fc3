// The hit ratios of the L1 store's policy on recorded accesses.
#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

namespace dbs::bench {

/// Prints a table: for each trace in the directory, in the order of their names, and each
/// size in entries, the hits of an LRU cache, of the policy with one shard, and of the
/// store with as many shards as it takes by itself, in percent of all accesses. A miss puts
/// the key, and the store begins empty.
///
/// Without `sizes` each trace is run with 1, 3, 10 and 30 percent of its different keys.
/// Throws `std::runtime_error` if there are no traces.
void print_hit_ratios(const std::filesystem::path& directory, std::vector<size_t> sizes);

} // namespace dbs::bench
