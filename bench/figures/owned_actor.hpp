// A handle that ends its actor.
#pragma once

#include <caf/actor_system.hpp>
#include <caf/exit_reason.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <utility>

namespace dbs::bench {

/// Ends the actor and waits until it has gone. Declared behind the actor system and
/// the loop that it needs, it lets a constructor throw: an actor system whose actors
/// nobody ends waits for them for ever.
template <class Handle>
class owned_actor {
public:
  owned_actor(caf::actor_system& system, Handle what) : system_(system), what_(std::move(what)) {}

  owned_actor(const owned_actor&) = delete;
  owned_actor& operator=(const owned_actor&) = delete;

  ~owned_actor() {
    caf::scoped_actor self{system_};
    caf::anon_send_exit(what_, caf::exit_reason::user_shutdown);
    self->wait_for(what_);
  }

  const Handle& get() const noexcept { return what_; }

private:
  caf::actor_system& system_;
  Handle what_;
};

} // namespace dbs::bench
