// How a refused URL is shown.
#pragma once

#include <string>
#include <string_view>

namespace dbs {

/// Renders a URL for messages about what is wrong with it: `postgresql://***`, or
/// "***" if it does not begin with a scheme of ours. Nothing else is shown, since
/// nothing is known about the place of the password in a malformed URL: in
/// `postgresql://user:pass@word`, whose host was forgotten, a part of it stands for
/// the host. A URL that was accepted is shown in parts (show.hpp). Any thread.
std::string mask_url(std::string_view text);

} // namespace dbs
