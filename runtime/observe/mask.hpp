// Takes secrets out of what is about to be shown.
#pragma once

#include <string>
#include <string_view>

namespace dbs::observe {

/// True if a value with this name must not be shown: the name contains password,
/// passwd, secret, token, key or credential, in any case.
bool is_secret_name(std::string_view name);

/// Replaces the credentials of every URL in the text: "redis://:pw@host/0" becomes
/// "redis://***@host/0". Passwords are often not percent-encoded as they should
/// be, so everything up to the last '@' of the word goes, even where that is more
/// than the credentials.
std::string mask_urls(std::string_view text);

} // namespace dbs::observe
