// What stands for the rounds of a figure.
#pragma once

#include <vector>

namespace dbs::bench {

struct spread {
  double median = 0;
  double min = 0;
  double max = 0;
};

/// The median of an even number of values is the mean of the two in the middle.
/// Throws `std::invalid_argument` if there are none.
spread spread_of(std::vector<double> values);

} // namespace dbs::bench
