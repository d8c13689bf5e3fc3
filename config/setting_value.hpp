// Reads and renders the value of one row of the table of settings.
#pragma once

#include "dbs/config/setting_table.hpp"
#include "dbs/messages/field.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace dbs {

/// Reads `text` into the member of `row`. What is wrong with the text otherwise, as
/// half a sentence ("is not a whole number") that does not quote it; then `values`
/// is unchanged. Booleans are true, false, yes, no, on, off, 1 and 0, in any case.
std::optional<std::string> assign_setting(const setting_descriptor& row, settings& values,
                                          std::string_view text);

/// What `row` accepts, for messages and documentation: "a whole number from 1 to 5".
std::string allowed_values(const setting_descriptor& row);

/// The value for programs; a duration is a number of seconds, a URL nothing but
/// "***" or empty.
field::value_type setting_value(const setting_descriptor& row, const settings& values);

/// The value for people, in a form that `assign_setting` takes, save for URLs:
/// `true`, `20`, `0.1`, `200ms`, `info`.
std::string setting_text(const setting_descriptor& row, const settings& values);

} // namespace dbs
