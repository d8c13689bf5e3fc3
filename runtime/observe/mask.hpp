// Takes secrets out of what is about to be shown.
#pragma once

#include <string>
#include <string_view>

namespace dbs::observe {

/// Replaces the credentials of every URL in the text, and the values of arguments
/// with a secret name (config/secret_name.hpp): "redis://:pw@host/0?password=pw"
/// becomes "redis://***@host/0?password=***".
///
/// Passwords are often not percent-encoded as they should be. So everything up to
/// the last '@' of the word goes, and where a '?' comes before that, what stands
/// between them and the next '&' too, even where that is more than the secret.
std::string mask_urls(std::string_view text);

/// Replaces what may be data in SQL: the content of string literals and of dollar
/// quotes. "ALTER ROLE x PASSWORD 'pw'" becomes "ALTER ROLE x PASSWORD '***'".
/// Takes statements that were cut anywhere, at most 4096 bytes of them; where the
/// end of a literal depends on the server's settings, all that follows goes.
std::string mask_sql(std::string_view sql);

} // namespace dbs::observe
