#include "dbs/runtime/redis/internal/stream.hpp"

#include "dbs/messages/error_detail.hpp"

#include <boost/asio/ip/address.hpp>

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace dbs::redis::internal {

namespace ssl = boost::asio::ssl;

caf::error stream::use_tls(const std::string& ca_file, const std::string& host) {
  boost::system::error_code code;
  context_.emplace(ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(context_->native_handle(), TLS1_2_VERSION);
  if (ca_file.empty())
    context_->set_default_verify_paths(code);
  else
    context_->load_verify_file(ca_file, code);
  if (code)
    return fail(errc::config_invalid, "redis.ca_file: cannot read certificates from '" + ca_file +
                                          "': " + code.message());
  tls_.emplace(socket_, *context_);
  tls_->set_verify_mode(ssl::verify_peer, code);
  // OpenSSL's own check of the name, because it says what did not match.
  auto* session = tls_->native_handle();
  boost::asio::ip::make_address(host, code);
  auto is_address = !code;
  auto ok = is_address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host.c_str()) == 1
                       : SSL_set1_host(session, host.c_str()) == 1 &&
                             SSL_set_tlsext_host_name(session, host.c_str()) == 1;
  if (!ok)
    return fail(errc::config_invalid, "redis.url: '" + host + "' is no host name for TLS");
  return {};
}

std::string stream::handshake_problem(const boost::system::error_code& code) {
  auto verdict = SSL_get_verify_result(tls_->native_handle());
  if (verdict != X509_V_OK)
    return X509_verify_cert_error_string(verdict);
  return code.message();
}

void stream::close() noexcept {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

} // namespace dbs::redis::internal
