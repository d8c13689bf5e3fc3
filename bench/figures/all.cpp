#include "figures/all.hpp"

namespace dbs::bench {

std::vector<figure> all_figures() {
  std::vector<figure> result;
  for (auto& part : {actor_figures(), l1_figures(), database_figures(), transfer_figures(),
                     redis_figures(), cache_figures(), crash_figures(), node_figures()})
    result.insert(result.end(), part.begin(), part.end());
  return result;
}

} // namespace dbs::bench
