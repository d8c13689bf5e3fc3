#include "hit_ratio/hit_ratio.hpp"

#include "hit_ratio/traces.hpp"
#include "peers/mutex_lru.hpp"

#include "dbs/runtime/cache/l1_store.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace dbs::bench {

namespace {

template <class Cache>
double percent_of_hits(Cache& cache, const trace& what) {
  size_t hits = 0;
  std::string value;
  for (auto& x : what.accesses) {
    std::string_view key{reinterpret_cast<const char*>(&x), sizeof(x)};
    if (cache.find(key, value))
      ++hits;
    else
      cache.put(key, "");
  }
  return 100.0 * static_cast<double>(hits) / static_cast<double>(what.accesses.size());
}

double with_shards(size_t shards, size_t entries, const trace& what) {
  cache::l1_store store{
      {.limits = {.entries = entries, .bytes = size_t{1} << 30}, .shards = shards}};
  return percent_of_hits(store, what);
}

void print_rows(const trace& what, std::vector<size_t> sizes) {
  if (sizes.empty()) {
    auto keys = std::unordered_set<uint64_t>{what.accesses.begin(), what.accesses.end()}.size();
    for (auto percent : {1, 3, 10, 30})
      sizes.push_back(std::max<size_t>(1, keys * static_cast<size_t>(percent) / 100));
  }
  for (auto size : sizes) {
    mutex_lru lru{size};
    fmt::print("{:20} {:>9} {:>8.2f} {:>9.2f} {:>8.2f}\n", what.name, size,
               percent_of_hits(lru, what), with_shards(1, size, what), with_shards(0, size, what));
    std::fflush(stdout);
  }
}

} // namespace

void print_hit_ratios(const std::filesystem::path& directory, std::vector<size_t> sizes) {
  std::vector<std::filesystem::path> files;
  for (auto& x : std::filesystem::directory_iterator{directory})
    if (x.path().filename().string().find(".trace") != std::string::npos)
      files.push_back(x.path());
  if (files.empty())
    throw std::runtime_error("there are no traces in " + directory.string());
  std::sort(files.begin(), files.end());
  fmt::print("{:20} {:>9} {:>8} {:>9} {:>8}\n", "trace", "entries", "LRU", "one shard", "store");
  for (auto& file : files)
    print_rows(read_trace(file), sizes);
}

} // namespace dbs::bench
