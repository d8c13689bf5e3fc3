// What a client adds to every call: how long it may take, and for whom it is.
#pragma once

#include "dbs/messages/call_context.hpp"

#include <caf/actor_system.hpp>

#include <optional>

namespace dbs {

/// Copyable; a client with other options is a copy.
struct call_options {
  /// From the call to the answer; without it the service applies its defaults.
  std::optional<caf::timespan> timeout;
  caller_class caller = caller_class::interactive;
  /// For the database: statements outside of sessions are willing to share connections.
  bool share = false;

  /// The context of a call that starts now.
  call_context context(caf::actor_system& system) const {
    auto result = timeout ? call_context::within(system.clock().now(), *timeout) : call_context{};
    result.caller = caller;
    return result;
  }
};

} // namespace dbs
