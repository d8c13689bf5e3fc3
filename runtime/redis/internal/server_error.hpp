// Errors from elsewhere, as ours.
#pragma once

#include <boost/system/error_code.hpp>

#include <caf/error.hpp>

#include <string>
#include <string_view>

namespace dbs::redis::internal {

/// The text of an error reply on one line of bounded length.
std::string one_line(std::string_view text);

/// `query_failed` with the server's text and its first word, such as WRONGTYPE, in
/// the field "redis_error".
caf::error server_error(std::string_view text);

/// "connection refused"
std::string reason(const boost::system::error_code& code);

} // namespace dbs::redis::internal
