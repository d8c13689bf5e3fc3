// Watches the actors that own leases, locks and subscriptions: one monitor for
// each owner, however many things it owns.
#pragma once

#include "dbs/runtime/caf/loop_actor.hpp"

#include <caf/actor_control_block.hpp>
#include <caf/disposable.hpp>

#include <cstdint>
#include <functional>
#include <unordered_map>

namespace dbs {

/// CAF keeps a monitor with the monitored actor for that actor's whole life (about
/// 160 bytes each), so a monitor per lease leaks on a long-lived owner. This keeps
/// one for each distinct owner, from its first lease until its death or ours.
///
/// Belongs to the state of one loop actor.
template <class Self>
class owner_watch {
public:
  using owner_id = uint64_t;

  /// @param on_down runs in the actor, once for each owner that has died.
  owner_watch(Self* self, std::function<void(owner_id)> on_down)
      : self_(self), on_down_(std::move(on_down)) {}

  /// Starts to watch `owner` unless that is done already; returns its id. If the
  /// owner is dead already, `on_down` runs as soon as the actor is free.
  owner_id watch(const caf::strong_actor_ptr& owner) {
    auto id = owner->id();
    if (watched_.contains(id))
      return id;
    watched_.emplace(id, self_->monitor(owner, [this, id](const caf::error&) {
      watched_.erase(id);
      on_down_(id);
    }));
    return id;
  }

  /// Distinct owners that are watched.
  size_t size() const noexcept { return watched_.size(); }

private:
  Self* self_;
  std::function<void(owner_id)> on_down_;
  std::unordered_map<owner_id, caf::disposable> watched_;
};

} // namespace dbs
