// Stored values for tests.
#pragma once

#include "dbs/runtime/cache/stored_value.hpp"

#include <random>
#include <string>

namespace dbs::test {

inline cache::stored_value made_stored(std::string_view value, const cache::version& vers,
                                       std::vector<std::string> tags = {}) {
  cache::stored_value result;
  result.vers = vers;
  result.value = blob{value};
  result.tags = std::move(tags);
  return result;
}

inline cache::stored_value made_tombstone(const cache::version& vers) {
  cache::stored_value result;
  result.vers = vers;
  result.kind = cache::stored_kind::tombstone;
  return result;
}

/// Any of those that may be, small, large, compressible or not.
template <class Random>
cache::stored_value random_stored(Random& random) {
  auto below = [&](uint64_t limit) { return random() % limit; };
  auto bytes = [&](size_t size, uint64_t kinds) {
    std::string result;
    while (result.size() < size)
      result += static_cast<char>(below(kinds));
    return result;
  };
  auto time = [&] {
    return below(3) == 0 ? cache::wall_time::max()
                         : cache::wall_time{std::chrono::milliseconds{below(uint64_t{1} << 50)}};
  };
  cache::stored_value result;
  // As far as they are credible.
  result.vers = {random() >> (32 + below(32)), random() >> (11 + below(53))};
  result.kind = static_cast<cache::stored_kind>(below(3));
  result.soft = time();
  result.hard = time();
  for (auto left = below(cache::stored_value::max_tags + 1); left > 0; --left)
    result.tags.push_back(bytes(1 + below(cache::stored_value::max_tag_bytes), 256));
  result.value = blob{bytes(below(4) == 0 ? below(20'000) : below(100), below(2) == 0 ? 3 : 256)};
  return result;
}

} // namespace dbs::test
