// The body of POST /v1/pool/resize.
#pragma once

#include "dbs/messages/manager/control.hpp"

#include <caf/expected.hpp>

#include <string>

namespace dbs::internal {

struct resize_body {
  /// Empty for the default one.
  std::string pool;
  resize_request request;
};

/// {"what": "pool_size", "size": 30, "pool": "reports"}; `invalid_argument` says what is
/// wrong.
caf::expected<resize_body> parse_resize_body(const std::string& body);

} // namespace dbs::internal
