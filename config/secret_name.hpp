// Tells secrets by their names.
#pragma once

#include <string>
#include <string_view>

namespace dbs {

/// True if a value with this name must not be shown: the name contains password,
/// passwd, secret, token, key or credential, in any case. Any thread.
bool is_secret_name(std::string_view name);

/// Renders libpq's `options` ("-c name=value --name=value") with the values of
/// secret names as ***. A space in a value is escaped by a backslash there.
std::string mask_options(std::string_view options);

} // namespace dbs
