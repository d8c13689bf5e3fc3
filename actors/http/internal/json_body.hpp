// Reads the bodies of administrative requests.
#pragma once

#include <caf/error.hpp>
#include <caf/expected.hpp>
#include <caf/timespan.hpp>

#include <nlohmann/json.hpp>

#include <initializer_list>
#include <string>

namespace dbs::internal {

/// Parses an object whose members are all in `known`; `invalid_argument` says what
/// is wrong.
caf::expected<nlohmann::json> parse_body(const std::string& body,
                                         std::initializer_list<const char*> known);

/// Takes the member "pool", which is empty, or not there, for the default one.
caf::error take_pool(const nlohmann::json& body, std::string& out);

/// Takes the member "timeout_ms", if it is there: from a millisecond to a day.
caf::error take_timeout(const nlohmann::json& body, caf::timespan& out);

} // namespace dbs::internal
