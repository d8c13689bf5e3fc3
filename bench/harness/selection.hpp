// Which figures to run.
#pragma once

#include "harness/figure.hpp"

#include <string>
#include <vector>

namespace dbs::bench {

/// The figures that have one of `names` or begin with one of them, in the order of
/// `all`; all of them without names. Throws `std::invalid_argument` that lists the
/// names which fit no figure.
std::vector<figure> select(const std::vector<figure>& all, const std::vector<std::string>& names);

} // namespace dbs::bench
