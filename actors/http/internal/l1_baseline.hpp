// The runbook's check of the first level: how long it takes to set a key and to read it.
#pragma once

#include "dbs/actors/client/cache_client.hpp"
#include "dbs/messages/manager/control.hpp"
#include "dbs/runtime/caf/loop_actor.hpp"
#include "dbs/runtime/http/message.hpp"

#include <caf/actor_clock.hpp>
#include <caf/error.hpp>
#include <caf/timespan.hpp>

#include <chrono>
#include <optional>
#include <vector>

namespace dbs::internal {

/// Sets `test_key` with reach l1 and reads it on the thread of its actor, again and again,
/// and removes it. What a caller anywhere in the node would have to wait for, the way to the
/// cache and back included, at the median.
///
/// For the actor's turns alone. It must live as long as the actor.
class l1_baseline {
public:
  using self_type = loop_actor<manager_control_actor>;

  static constexpr const char* key = "test_key";

  /// At the median; what takes longer is degraded.
  static constexpr caf::timespan limit = std::chrono::milliseconds{1};

  static constexpr size_t max_rounds = 100;

  /// No round begins later.
  static constexpr caf::timespan budget = std::chrono::seconds{1};

  l1_baseline(self_type* self, cache_client cache) : self_(self), cache_(std::move(cache)) {}

  /// Answers with the figures, or with the error of the cache: `overloaded` if another
  /// measurement is under way, whose key it would be, too.
  ///
  /// @param delay is waited for between the two, which proves that the check can fail.
  void run(caf::timespan delay, const http_responder& answer);

private:
  using time_point = caf::actor_clock::time_point;

  struct measurement {
    http_responder answer;
    caf::timespan delay;
    time_point until;
    time_point began = {};
    /// Of each round; infinite if L1 did not have the key.
    std::vector<caf::timespan> took = {};
    caf::error failure = {};
  };

  /// Not that of the actor, which stands still while it handles one message.
  time_point now() { return self_->clock().now(); }

  void set();
  void get();
  void remove();
  void finish();

  self_type* self_;
  cache_client cache_;
  std::optional<measurement> current_;
};

} // namespace dbs::internal
