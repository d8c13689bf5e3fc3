// The status line and headers of an answer.
#pragma once

#include "dbs/runtime/http/message.hpp"

#include <string>

namespace dbs::http_internal {

/// False for a status that is not a final one, and for headers that would break
/// the message: names that are no tokens, values with control characters, or
/// headers that belong to the server.
bool is_well_formed(const http_response& response);

/// False for the statuses that never have a body (RFC 9110, 6.4.1).
bool may_have_body(unsigned status) noexcept;

/// Renders the head, including the empty line.
std::string response_head(const http_response& response, bool keep_open);

} // namespace dbs::http_internal
