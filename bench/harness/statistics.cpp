#include "harness/statistics.hpp"

#include <algorithm>
#include <stdexcept>

namespace dbs::bench {

spread spread_of(std::vector<double> values) {
  if (values.empty())
    throw std::invalid_argument("nothing was measured");
  std::sort(values.begin(), values.end());
  auto upper = values[values.size() / 2];
  auto lower = values[(values.size() - 1) / 2];
  return {(lower + upper) / 2, values.front(), values.back()};
}

} // namespace dbs::bench
