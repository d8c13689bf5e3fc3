// Notifications for actors: what `services.listener()` returns.
#pragma once

#include "dbs/actors/client/call_options.hpp"
#include "dbs/actors/client/pending_request.hpp"
#include "dbs/messages/postgres/listener.hpp"
#include "dbs/runtime/caf/mail.hpp"

#include <caf/actor_traits.hpp>

#include <string>
#include <utility>

namespace dbs {

/// A small, copyable client of the listener. Valid for the life of the services, whatever
/// restarts behind it; may be copied to any thread.
///
/// Who listens is the actor that asks. It has to understand `pg_event`, as the type
/// `pg_event_sink` says:
///
///     listener.listen(self, "orders").then([] { ... }, [](const caf::error& why) { ... });
///     return {[](const pg_event& event) { ... }};
class listener_client {
public:
  explicit listener_client(postgres_listener_actor listener, call_options options = {})
      : listener_(std::move(listener)), options_(options) {}

  /// For those who want messages.
  const postgres_listener_actor& actor() const noexcept { return listener_; }

  /// A client whose calls must be answered within `timeout`.
  listener_client within(caf::timespan timeout) const {
    auto options = options_;
    options.timeout = timeout;
    return listener_client{listener_, options};
  }

  /// Subscribes `self` to a channel; answered once it hears what is notified there.
  template <class Self>
  auto listen(Self* self, std::string channel) const {
    if constexpr (caf::actor_traits<Self>::is_statically_typed)
      static_cast<void>(pg_event_sink{self}); // compiles if it understands events
    return ask(self, listen_atom_v, std::move(channel));
  }

  template <class Self>
  auto unlisten(Self* self, std::string channel) const {
    return ask(self, unlisten_atom_v, std::move(channel));
  }

private:
  template <class Self, class Verb>
  auto ask(Self* self, Verb verb, std::string channel) const {
    return pending_request{mail(self, verb, options_.context(self->system()), std::move(channel))
                               .request(listener_, caf::infinite)};
  }

  postgres_listener_actor listener_;
  call_options options_;
};

} // namespace dbs
