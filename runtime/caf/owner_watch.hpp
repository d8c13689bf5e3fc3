// Watches the actors that own leases, locks and subscriptions: one monitor for
// each owner, however many things it owns.
#pragma once

#include "dbs/runtime/caf/loop_actor.hpp"

#include <caf/actor_addr.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_control_block.hpp>

#include <cstdint>
#include <functional>
#include <unordered_map>

namespace dbs {

/// CAF keeps a monitor with the monitored actor for that actor's whole life (about
/// 160 bytes each), so a monitor per lease leaks on a long-lived owner. This keeps
/// one for each distinct owner, from its first lease until its death. Nothing counts
/// what an owner still has: CAF could not take the monitor back. So there are never
/// more entries than owners that live, and one attachment per owner and incarnation
/// of the watching actor.
///
/// Belongs to the state of one loop actor.
template <class Self>
class owner_watch {
public:
  /// Stands for an owner in the watching actor, and means nothing elsewhere.
  using owner_id = uint64_t;

  /// Local owners go by their actor ids, which no other local actor ever gets. The
  /// actors of other nodes may have the same ones, so they are numbered from here on.
  static constexpr owner_id first_remote_id = owner_id{1} << 48;

  /// @param on_down runs in the actor, once for each owner that has died.
  owner_watch(Self* self, std::function<void(owner_id)> on_down)
      : self_(self), on_down_(std::move(on_down)) {}

  /// Starts to watch `owner` unless that is done already; returns its id. If the
  /// owner is dead already, `on_down` runs as soon as the actor is free.
  owner_id watch(const caf::strong_actor_ptr& owner) {
    auto address = caf::actor_cast<caf::actor_addr>(owner);
    auto [entry, fresh] = watched_.try_emplace(address);
    if (!fresh)
      return entry->second;
    auto id = is_local(owner) ? owner->id() : next_remote_id_++;
    entry->second = id;
    self_->monitor(owner, [this, address, id](const caf::error&) {
      watched_.erase(address);
      on_down_(id);
    });
    return id;
  }

  /// The id that `owner` has, or would have, here; 0 for the actor of another node
  /// that is not watched.
  owner_id id_of(const caf::strong_actor_ptr& owner) const {
    if (is_local(owner))
      return owner->id();
    auto entry = watched_.find(caf::actor_cast<caf::actor_addr>(owner));
    return entry != watched_.end() ? entry->second : 0;
  }

  /// Distinct owners that are watched.
  size_t size() const noexcept { return watched_.size(); }

private:
  bool is_local(const caf::strong_actor_ptr& owner) const { return owner->node() == self_->node(); }

  Self* self_;
  std::function<void(owner_id)> on_down_;
  std::unordered_map<caf::actor_addr, owner_id> watched_;
  owner_id next_remote_id_ = first_remote_id;
};

} // namespace dbs
