// The public interface of the Redis manager.
#pragma once

#include "dbs/messages/call_context.hpp"

#include <caf/result.hpp>
#include <caf/typed_actor.hpp>

#include <string>

namespace dbs {

/// - `ping` asks Redis itself, and is answered with what Redis says: "PONG". Without
///   a connection it fails at once with `connection_lost` and the reason.
using redis_actor = caf::typed_actor<caf::result<std::string>(ping_atom, call_context)>;

} // namespace dbs
