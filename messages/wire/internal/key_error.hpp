// Errors of the map codec, which name the key.
#pragma once

#include "dbs/messages/errc.hpp"

#include <caf/error.hpp>

#include <string_view>

namespace dbs::wire::internal {

/// Makes `key "ttl" is missing`. The key may be anybody's bytes: it is shortened,
/// and what cannot be printed becomes a question mark.
caf::error key_error(errc code, std::string_view key, std::string_view problem);

} // namespace dbs::wire::internal
