// Errors of Redis and of the system, as ours.
#pragma once

#include "dbs/messages/errc.hpp"

#include <string>
#include <string_view>

namespace dbs::redis::internal {

/// The text of an error reply on one line of bounded length.
std::string one_line(std::string_view text);

/// What an error reply means to the caller. Whatever it is, the command was not executed,
/// or failed as a whole; of a script it is the script's own error.
errc code_of(std::string_view text) noexcept;

/// "connection refused"
std::string reason(int error_number);

} // namespace dbs::redis::internal
