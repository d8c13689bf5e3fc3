// The body of POST /v1/pool/resize.
#pragma once

#include "dbs/messages/manager/control.hpp"

#include <caf/expected.hpp>

#include <string>

namespace dbs::internal {

/// {"what": "pool_size", "size": 30}; `invalid_argument` says what is wrong.
caf::expected<resize_request> parse_resize_body(const std::string& body);

} // namespace dbs::internal
