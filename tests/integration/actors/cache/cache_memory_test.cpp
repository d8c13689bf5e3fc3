// What the cache takes of the machine's memory, with all that is around its store.
#include "integration/actors/cache/cache_fixture.hpp"
#include "process_memory.hpp"
#include "sanitized.hpp"

#include <algorithm>
#include <random>

using namespace dbs;
using namespace dbs::tests;

TEST_CASE("the process grows by cache.l1_mib and no more than 5 % beyond") {
  if (sanitized)
    SKIP("sanitizers take memory of their own");
  constexpr size_t budget = size_t{64} << 20;
  // Writes that wait for a slower level have a bound of their own.
  cache_fixture f{
      {{"cache.l1_mib", "64"}, {"cache.l1_size", "10000000"}, {"cache.l3_enabled", "false"}}};
  auto cache = f.node.cache();
  std::minstd_rand random{1};
  std::string text(4000, 'x');
  size_t written = 0;
  auto name = [](size_t i) { return "k:" + std::to_string(i); };
  auto write = [&](size_t from, size_t many) {
    std::vector<cache_put> entries;
    for (auto i = from; i < from + many; ++i) {
      auto size = random() % text.size();
      written += size;
      entries.push_back({name(i), blob{std::string_view{text}.substr(0, size)}});
      entries.back().reach = cache_reach::l2;
    }
    auto refused = cache.mset(std::move(entries));
    INFO(describe(refused));
    REQUIRE(!refused);
  };
  auto read = [&](size_t below) {
    std::vector<std::string> keys;
    for (auto i = 0; i < 100; ++i)
      keys.push_back(name(random() % below));
    auto found = cache.mget(std::move(keys));
    REQUIRE(found);
  };
  // What requests of these sizes take for themselves is there before.
  for (size_t i = 0; i < 2000; i += 100) {
    write(i, 100);
    read(i + 1);
  }
  auto before = resident_bytes();
  auto here = f.node.stats().bytes;
  size_t most = 0;
  for (size_t i = 0; written < 4 * budget; i += 100) {
    write(i, 100);
    read(i + 1);
    most = std::max(most, resident_growth(before));
  }
  auto stats = f.node.stats();
  CHECK(stats.evictions > 0);
  CHECK(stats.bytes > budget * 9 / 10);
  CHECK(most > (budget - here) * 9 / 10);
  CHECK(most + here <= budget + budget / 20);
}
