// What the client has to know of a command beforehand.
#pragma once

#include "dbs/messages/redis/command.hpp"

#include <caf/error.hpp>

namespace dbs::redis {

/// Why a command may not run on a connection that others share: it would change the
/// connection for them, or block it. `invalid_argument` naming it; empty if it may.
caf::error refuse_on_shared(const redis_command& command);

/// True if it is known to change nothing on the server: to run it twice is the same as to
/// run it once. False for what is unknown.
bool only_reads(const redis_command& command) noexcept;

} // namespace dbs::redis
