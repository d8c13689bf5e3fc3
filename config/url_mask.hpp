// How a refused URL is shown, and other text that may hold a password.
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

/// Whether a text from a user, a key as well as a value, may have a password in it: it
/// looks like a URL (it has a "://" or an '@'), or a '=' stands behind a secret name
/// (secret_name.hpp), as in libpq's "host=h password=p". Any thread.
bool may_hold_password(std::string_view text);

/// Renders such a text by `mask_url`, and any other text as it is. Any thread.
std::string mask_text(std::string_view text);

} // namespace dbs
