// The cache for plain threads.
#pragma once

#include "dbs/actors/client/blocking_ask.hpp"
#include "dbs/messages/cache/cache.hpp"
#include "dbs/runtime/cache/cache_memory.hpp"

#include <caf/actor_system.hpp>
#include <caf/expected.hpp>

#include <memory>
#include <string>
#include <vector>

namespace dbs {

/// Every call blocks the calling thread until the answer is there. Never use it inside an
/// actor: made by `cache_client::sync`, for one thread.
class blocking_cache {
public:
  blocking_cache(caf::actor_system& system, cache_actor cache,
                 std::shared_ptr<cache::cache_memory> memory, call_options options);

  caf::expected<cache_value> get(const std::string& key);
  caf::expected<cache_value> get_or_load(const std::string& key);
  /// See `cache_client`: the loader is for this call.
  caf::expected<cache_value> get_or_load(const std::string& key, cache_load_function loader);
  caf::expected<std::vector<cache_value>> mget(std::vector<std::string> keys);
  caf::error set(cache_put what);
  caf::error mset(std::vector<cache_put> entries);
  caf::expected<bool> erase(const std::string& key, cache_reach reach = cache_reach::l2);
  caf::error invalidate_prefix(const std::string& prefix);
  caf::error invalidate_tag(const std::string& tag);
  caf::expected<cache_stats> get_stats();
  caf::expected<cache_sizes> tune(const cache_tuning& what);

private:
  template <class T, class Verb, class... Ts>
  caf::expected<T> ask(Verb verb, Ts&&... xs) {
    return blocking_ask<T>(self_, options_, cache_, verb, std::forward<Ts>(xs)...);
  }

  caf::scoped_actor self_;
  cache_actor cache_;
  std::shared_ptr<cache::cache_memory> memory_;
  call_options options_;
};

} // namespace dbs
