#include "harness/target.hpp"

#include <sstream>
#include <stdexcept>

namespace dbs::bench {

bool fulfils(const std::string& target, double value) {
  std::istringstream words{target};
  std::string comparison;
  double limit = 0;
  if (words >> comparison >> limit && words.eof()) {
    if (comparison == ">=")
      return value >= limit;
    if (comparison == "<=")
      return value <= limit;
    if (comparison == "<")
      return value < limit;
  }
  throw std::invalid_argument("a target is '>=', '<=' or '<' and a number, not '" + target + "'");
}

} // namespace dbs::bench
