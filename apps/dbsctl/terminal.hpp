// Text of others on the user's terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace dbs::ctl {

/// Escapes what would command a terminal or break a line: control characters (C0, DEL
/// and C1) and bytes that are not UTF-8.
std::string printable(std::string_view text);

/// The columns that printable text takes, one for each code point.
size_t width(std::string_view text) noexcept;

} // namespace dbs::ctl
