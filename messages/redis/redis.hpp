// The public interface of the Redis client.
#pragma once

#include "dbs/messages/call_context.hpp"
#include "dbs/messages/redis/command.hpp"
#include "dbs/messages/redis/reply.hpp"

#include <caf/result.hpp>
#include <caf/typed_actor.hpp>

#include <string>
#include <vector>

namespace dbs {

/// Commands that run on one connection, one behind the other, in one round trip. Redis may
/// run those of others in between.
struct redis_batch {
  static constexpr size_t max_commands = 10'000;

  std::vector<redis_command> commands;
};

template <class Inspector>
bool inspect(Inspector& f, redis_batch& x) {
  return f.object(x).fields(f.field("commands", x.commands));
}

/// - `command` with a command is answered with its reply, or with an error if Redis
///   answered with one.
/// - `command` with a batch is answered with one reply for each command, errors among
///   them; with an error only if nothing of it was sent.
///
/// Connections are shared. So what would change them for others, or block them, is
/// refused: transactions, subscriptions, blocking reads, SELECT and the like.
///
/// Errors: `invalid_argument`, `payload_too_large`, `overloaded`, `deadline_exceeded`,
/// `connection_lost`, `in_doubt`, `query_failed`, `forbidden`, `unauthenticated`,
/// `peer_unavailable`, `protocol_error`, `draining`, `restarted`.
using redis_actor =
    caf::typed_actor<caf::result<redis_reply>(command_atom, call_context, redis_command),
                     caf::result<std::vector<redis_reply>>(command_atom, call_context,
                                                           redis_batch)>;

} // namespace dbs
