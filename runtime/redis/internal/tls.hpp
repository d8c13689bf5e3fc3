// TLS on a non-blocking socket.
#pragma once

#include <caf/error.hpp>
#include <caf/expected.hpp>

#include <openssl/ssl.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace dbs::redis::internal {

struct free_ssl {
  void operator()(SSL_CTX* what) const noexcept { SSL_CTX_free(what); }
  void operator()(SSL* what) const noexcept { SSL_free(what); }
};

using tls_context = std::unique_ptr<SSL_CTX, free_ssl>;

/// A client's context with the authorities of `ca_file`, or the system's if that is empty.
/// Error: `config_invalid`.
caf::expected<tls_context> make_tls_context(const std::string& ca_file);

/// The client's end of one session. Only the handshake needs the socket in both directions,
/// and says in which: there is no renegotiation.
class tls_session {
public:
  /// How a step ended.
  enum class outcome : uint8_t { done, wants_read, wants_write, failed };

  /// @param host what the server's certificate must be made for. Error: `config_invalid`.
  static caf::expected<tls_session> make(SSL_CTX& context, int socket, const std::string& host);

  outcome handshake() noexcept;

  /// Why the handshake failed, in OpenSSL's words.
  std::string handshake_problem() const;

  /// On `done` with no bytes, the server has ended the session.
  outcome read(std::span<char> into, size_t& got) noexcept;

  /// There are bytes to `read` that the socket does not tell of.
  bool has_decrypted() const noexcept { return SSL_pending(ssl_.get()) > 0; }

  outcome write(std::string_view bytes, size_t& taken) noexcept;

private:
  explicit tls_session(std::unique_ptr<SSL, free_ssl> ssl) : ssl_(std::move(ssl)) {}

  outcome outcome_of(int result) noexcept;

  std::unique_ptr<SSL, free_ssl> ssl_;
  /// Of the step that failed.
  std::string problem_;
};

} // namespace dbs::redis::internal
