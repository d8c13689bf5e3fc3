#include "dbs/runtime/cache/internal/ghost_set.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <random>
#include <vector>

using dbs::cache::ghost_set;

TEST_CASE("a ghost is there once") {
  ghost_set ghosts;
  CHECK(!ghosts.take(7));
  ghosts.add(7); // no places yet
  CHECK(!ghosts.take(7));
  ghosts.resize(100);
  ghosts.add(7);
  ghosts.add(0);
  CHECK(ghosts.take(7));
  CHECK(!ghosts.take(7));
  CHECK(ghosts.take(0));
}

TEST_CASE("a ghost set remembers about as many as it has places, and takes few for others") {
  ghost_set ghosts;
  ghosts.resize(10'000);
  std::mt19937 random{1};
  std::vector<uint32_t> added;
  for (auto i = 0; i < 50'000; ++i)
    ghosts.add(added.emplace_back(static_cast<uint32_t>(random())));
  auto found = [&](size_t from, size_t to) {
    size_t result = 0;
    for (auto i = from; i < to; ++i)
      result += ghosts.take(added[i]) ? 1 : 0;
    return result;
  };
  CHECK(found(41'000, 50'000) > 8'900);
  CHECK(found(0, 35'000) < 35);
  CHECK(ghosts.memory_bytes() < 6 * 10'100);
}
