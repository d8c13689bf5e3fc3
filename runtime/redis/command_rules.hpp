// What the client has to know of a command beforehand.
#pragma once

#include "dbs/messages/redis/command.hpp"

#include <caf/error.hpp>

namespace dbs::redis {

struct command_rules {
  /// Why it may not run on a connection that others share: it would change the connection
  /// for them, or block it. `invalid_argument` naming it; empty if it may.
  caf::error refusal;
  /// It is known to change nothing on the server: to run it twice is the same as to run it
  /// once. False for what is unknown.
  bool reads = false;
};

command_rules rules_of(const redis_command& command);

} // namespace dbs::redis
