// Base64 (RFC 4648, 4): bytes of any kind in JSON, which has text alone.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace dbs {

/// With padding, in one line.
std::string to_base64(std::string_view bytes);

/// Nothing if that is not exactly what `to_base64` makes of some bytes: other characters,
/// padding that is missing, or bits that stand for nothing.
std::optional<std::string> from_base64(std::string_view text);

} // namespace dbs
