// A cache that does what the test says: for testing your own actors without Redis or
// PostgreSQL, on virtual time.
//
//     dbs::testing::actor_fixture fix;
//     dbs::testing::scripted_cache cache{fix};
//     cache.expect_get("product:7").answer(cached("lamp"));
//     ... // an actor that was given cache.client() asks for product:7
//     cache.verify();
#pragma once

#include "dbs/actors/client/cache_client.hpp"
#include "dbs/messages/cache/cache.hpp"
#include "dbs/runtime/cache/cache_memory.hpp"
#include "dbs/testing/fixture/actor_fixture.hpp"
#include "dbs/testing/scripted/call_script.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dbs::testing {

/// What the cache answers if it has the key.
cache_value cached(std::string_view value, cache_source from = cache_source::l2);

/// Every call must be expected, in any order, each as often as it comes; one that is not is
/// answered with `invalid_argument`, and `verify` complains. Requests are answered by their
/// deadline, as by the real cache.
///
/// Without `answer` a key is not there, a write succeeds, and figures and sizes are zero.
/// Nothing is remembered: what was put is read only if the script says so, and `find` and
/// `read` of the client find nothing, since its memory is empty.
class scripted_cache {
public:
  /// Lives on the fixture's loop.
  explicit scripted_cache(actor_fixture& fix);

  /// Answered with a `cache_value`.
  scripted_answer& expect_get(const std::string& key);
  /// With a loader for the one call, too, which is not run.
  scripted_answer& expect_get_or_load(const std::string& key);
  /// `answer` says how `exists` comes out by what it has found.
  scripted_answer& expect_exists(const std::string& key);

  /// Of `mget`, answered with a `std::vector<cache_value>`.
  scripted_answer& expect_mget(const std::vector<std::string>& keys);
  scripted_answer& expect_mget_or_load(const std::vector<std::string>& keys);

  /// Expects exactly this: value, time to live, tags and reach.
  scripted_answer& expect_set(const cache_put& what);
  scripted_answer& expect_set(const std::string& key, std::string_view value);
  scripted_answer& expect_mset(const std::vector<cache_put>& entries);

  /// Answered with a bool.
  scripted_answer& expect_erase(const std::string& key, cache_reach reach = cache_reach::l2);

  scripted_answer& expect_invalidate_prefix(const std::string& prefix);
  scripted_answer& expect_invalidate_tag(const std::string& tag);

  /// Answered with `cache_stats`.
  scripted_answer& expect_get_stats();

  /// Answered with `cache_sizes`.
  scripted_answer& expect_tune(const cache_tuning& what);

  /// What to give to the actor under test.
  cache_client client() const { return {actor_, memory_}; }

  const cache_actor& actor() const noexcept { return actor_; }

  /// Whatever came, in order: "get product:7", "get or load product:7, product:8",
  /// "set product:7 = 'lamp' for 60s, tags shop, reach l3", "erase product:7, reach l2",
  /// "invalidate prefix product:".
  const std::vector<std::string>& journal() const noexcept { return script_->journal(); }

  /// Throws `std::logic_error` with a line for each call that was not expected and
  /// for each expected one that did not come.
  void verify() const { script_->verify(); }

private:
  std::shared_ptr<call_script> script_;
  std::shared_ptr<cache::cache_memory> memory_;
  cache_actor actor_;
};

} // namespace dbs::testing
