// Runs figures one after the other, each in a child process.
#pragma once

#include "harness/figure.hpp"
#include "harness/results.hpp"

#include <filesystem>
#include <vector>

namespace dbs::bench {

/// Measures `what` in this process, where `what` says, and writes the result to a
/// file: what a child process does.
void run_here(const figure& what, const std::filesystem::path& to);

/// Runs each figure in a process of this program that is started with
/// `--in-this-process NAME`, prints a line each, keeps the results, and prints how
/// many targets were met. Returns 0 if every figure was measured: a target that is
/// missed is reported, not an error.
int run_each(const std::vector<figure>& figures, results_file& results);

} // namespace dbs::bench
