// Certificates for private servers: an authority of their own, a server certificate
// for the loopback names, and a second authority that signed nothing.
#pragma once

#include "dbs/testing/servers/account.hpp"

#include <filesystem>
#include <optional>

namespace dbs::testing {

/// Paths of PEM files.
struct certificate_files {
  /// What a client should trust.
  std::filesystem::path authority;
  /// Signed by `authority` for localhost, 127.0.0.1 and ::1.
  std::filesystem::path certificate;
  /// The certificate's key, readable by the server's account only.
  std::filesystem::path key;
  /// What a client may trust to see that the server is then refused.
  std::filesystem::path rogue_authority;
};

/// Makes new keys (EC P-256) and certificates, valid for a week from yesterday, and
/// writes them into `directory`, which must exist. The server's key goes to `owner`
/// if there is one. Throws `std::runtime_error` with OpenSSL's reason.
certificate_files make_certificates(const std::filesystem::path& directory,
                                    const std::optional<account>& owner);

} // namespace dbs::testing
