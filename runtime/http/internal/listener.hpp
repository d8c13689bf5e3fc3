// Accepts the connections of one address.
#pragma once

#include "dbs/runtime/http/internal/core.hpp"
#include "dbs/runtime/http/internal/unix_socket.hpp"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/system/error_code.hpp>

#include <memory>
#include <optional>

namespace dbs::http_internal {

using acceptor_type = boost::asio::basic_socket_acceptor<protocol>;

class listener : public std::enable_shared_from_this<listener> {
public:
  /// @param file is set for a Unix socket, and is removed when this closes.
  listener(std::shared_ptr<core> owner, acceptor_type acceptor, std::optional<unix_listener> file);

  void accept();

  void close();

private:
  void on_accept(boost::system::error_code ec, socket_type socket);

  std::shared_ptr<core> core_;
  acceptor_type acceptor_;
  std::optional<unix_listener> file_;
  timer_queue::timer_id retry_;
};

} // namespace dbs::http_internal
