#include "dbs/runtime/redis/internal/tls.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/redis/internal/server_error.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <arpa/inet.h>
#include <sys/socket.h>

#include <cerrno>
#include <new>

namespace dbs::redis::internal {

namespace {

std::string openssl_reason() {
  auto code = ERR_get_error();
  auto* text = code != 0 ? ERR_reason_error_string(code) : nullptr;
  return text != nullptr ? text : "unknown error";
}

// -- a BIO over a socket that raises no SIGPIPE, which OpenSSL's own does -----------------

int socket_of(BIO* bio) {
  return static_cast<int>(reinterpret_cast<intptr_t>(BIO_get_data(bio)));
}

int after(BIO* bio, ssize_t result, int retry_flag) {
  BIO_clear_retry_flags(bio);
  if (result < 0 && (errno == EAGAIN || errno == EINTR))
    BIO_set_flags(bio, retry_flag | BIO_FLAGS_SHOULD_RETRY);
  return static_cast<int>(result);
}

int bio_write(BIO* bio, const char* bytes, int size) {
  return after(bio, send(socket_of(bio), bytes, static_cast<size_t>(size), MSG_NOSIGNAL),
               BIO_FLAGS_WRITE);
}

int bio_read(BIO* bio, char* into, int size) {
  return after(bio, recv(socket_of(bio), into, static_cast<size_t>(size), 0), BIO_FLAGS_READ);
}

long bio_control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* socket_method() {
  static auto* result = [] {
    auto* method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "dbs socket");
    if (method == nullptr)
      throw std::bad_alloc();
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_ctrl(method, bio_control);
    return method;
  }();
  return result;
}

bool is_address(const std::string& host) {
  in6_addr ignored;
  return inet_pton(AF_INET, host.c_str(), &ignored) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &ignored) == 1;
}

} // namespace

caf::expected<tls_context> make_tls_context(const std::string& ca_file) {
  ERR_clear_error();
  tls_context result{SSL_CTX_new(TLS_client_method())};
  if (result == nullptr)
    throw std::bad_alloc();
  SSL_CTX_set_min_proto_version(result.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(result.get(), SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(result.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_verify(result.get(), SSL_VERIFY_PEER, nullptr);
  auto loaded = ca_file.empty()
                    ? SSL_CTX_set_default_verify_paths(result.get())
                    : SSL_CTX_load_verify_locations(result.get(), ca_file.c_str(), nullptr);
  if (loaded != 1)
    return fail(errc::config_invalid, "redis.ca_file: cannot read certificates from '" + ca_file +
                                          "': " + openssl_reason());
  return result;
}

caf::expected<tls_session> tls_session::make(SSL_CTX& context, int socket,
                                             const std::string& host) {
  std::unique_ptr<SSL, free_ssl> ssl{SSL_new(&context)};
  auto* bio = ssl != nullptr ? BIO_new(socket_method()) : nullptr;
  if (bio == nullptr)
    throw std::bad_alloc();
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<intptr_t>(socket)));
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl.get(), bio, bio);
  // OpenSSL's own check of the name, because it says what did not match.
  auto ok = is_address(host)
                ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), host.c_str()) == 1
                : SSL_set1_host(ssl.get(), host.c_str()) == 1 &&
                      SSL_set_tlsext_host_name(ssl.get(), host.c_str()) == 1;
  if (!ok)
    return fail(errc::config_invalid, "redis.url: '" + host + "' is no host name for TLS");
  return tls_session{std::move(ssl)};
}

tls_session::outcome tls_session::outcome_of(int result) noexcept {
  if (result > 0)
    return outcome::done;
  switch (SSL_get_error(ssl_.get(), result)) {
  case SSL_ERROR_WANT_READ:
    return outcome::wants_read;
  case SSL_ERROR_WANT_WRITE:
    return outcome::wants_write;
  case SSL_ERROR_ZERO_RETURN:
    return outcome::done;
  case SSL_ERROR_SYSCALL:
    problem_ = errno != 0 ? reason(errno) : "the server closed the connection";
    return outcome::failed;
  default:
    problem_ = openssl_reason();
    return outcome::failed;
  }
}

tls_session::outcome tls_session::handshake() noexcept {
  ERR_clear_error();
  errno = 0;
  return outcome_of(SSL_connect(ssl_.get()));
}

std::string tls_session::handshake_problem() const {
  auto verdict = SSL_get_verify_result(ssl_.get());
  return verdict != X509_V_OK ? X509_verify_cert_error_string(verdict) : problem_;
}

tls_session::outcome tls_session::read(std::span<char> into, size_t& got) noexcept {
  ERR_clear_error();
  errno = 0;
  got = 0;
  return outcome_of(SSL_read_ex(ssl_.get(), into.data(), into.size(), &got));
}

tls_session::outcome tls_session::write(std::string_view bytes, size_t& taken) noexcept {
  ERR_clear_error();
  errno = 0;
  taken = 0;
  return outcome_of(SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &taken));
}

} // namespace dbs::redis::internal
