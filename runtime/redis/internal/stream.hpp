// A socket that may speak TLS.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>

#include <caf/error.hpp>

#include <optional>
#include <string>
#include <utility>

namespace dbs::redis::internal {

/// The one place that knows whether bytes are encrypted. Handlers must keep the
/// stream alive.
class stream {
public:
  using socket_type = boost::asio::generic::stream_protocol::socket;

  explicit stream(boost::asio::io_context& io) : socket_(io) {}

  socket_type& socket() noexcept { return socket_; }

  /// Encrypts from now on: verifies the server's certificate against `ca_file`, or
  /// the system's authorities if that is empty, and that it was made for `host`.
  caf::error use_tls(const std::string& ca_file, const std::string& host);

  /// Why the TLS handshake failed, in OpenSSL's words.
  std::string handshake_problem(const boost::system::error_code& code);

  template <class Handler>
  void async_handshake(Handler&& handler) {
    tls_->async_handshake(boost::asio::ssl::stream_base::client, std::forward<Handler>(handler));
  }

  template <class Buffer, class Handler>
  void async_read_some(const Buffer& buffer, Handler&& handler) {
    if (tls_)
      tls_->async_read_some(buffer, std::forward<Handler>(handler));
    else
      socket_.async_read_some(buffer, std::forward<Handler>(handler));
  }

  template <class Buffer, class Handler>
  void async_write(const Buffer& buffer, Handler&& handler) {
    if (tls_)
      boost::asio::async_write(*tls_, buffer, std::forward<Handler>(handler));
    else
      boost::asio::async_write(socket_, buffer, std::forward<Handler>(handler));
  }

  /// Pending operations end with an error.
  void close() noexcept;

private:
  socket_type socket_;
  std::optional<boost::asio::ssl::context> context_;
  std::optional<boost::asio::ssl::stream<socket_type&>> tls_;
};

} // namespace dbs::redis::internal
