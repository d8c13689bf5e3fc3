// Names of things in the database, as SQL text.
#pragma once

#include <caf/expected.hpp>

#include <string>
#include <string_view>

namespace dbs::postgres {

/// `name` in double quotes, those in it doubled, so that it means exactly itself.
/// `invalid_argument` unless it has 1 to 63 bytes, none of them zero: the server would
/// cut a longer one, and two names might become one.
///
/// @param what the name is, for the error: "the name of a savepoint".
caf::expected<std::string> quote_identifier(std::string_view what, std::string_view name);

} // namespace dbs::postgres
