#include "harness/selection.hpp"

#include <algorithm>
#include <stdexcept>

namespace dbs::bench {

std::vector<figure> select(const std::vector<figure>& all, const std::vector<std::string>& names) {
  if (names.empty())
    return all;
  std::string unknown;
  for (auto& name : names) {
    auto fits = [&name](const figure& x) { return x.name.starts_with(name); };
    if (std::none_of(all.begin(), all.end(), fits))
      unknown += (unknown.empty() ? "'" : ", '") + name + "'";
  }
  if (!unknown.empty())
    throw std::invalid_argument("no figure is named, or begins with, " + unknown + ": see --list");
  std::vector<figure> result;
  std::copy_if(all.begin(), all.end(), std::back_inserter(result), [&names](const figure& x) {
    return std::any_of(names.begin(), names.end(),
                       [&x](const std::string& name) { return x.name.starts_with(name); });
  });
  return result;
}

} // namespace dbs::bench
