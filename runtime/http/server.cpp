#include "dbs/runtime/http/server.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/http/internal/core.hpp"
#include "dbs/runtime/http/internal/listener.hpp"
#include "dbs/runtime/http/internal/session.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <optional>
#include <utility>
#include <vector>

namespace dbs {

using http_internal::acceptor_type;
using http_internal::core;
using http_internal::listener;

class http_server::impl {
public:
  impl(boost::asio::io_context& io, timer_queue& timers, http_server_options options,
       http_handler handler)
      : shared(std::make_shared<core>(io, timers, std::move(options), std::move(handler))) {}

  void add_listener(acceptor_type acceptor, std::optional<http_internal::unix_listener> file) {
    listeners.push_back(std::make_shared<listener>(shared, std::move(acceptor), std::move(file)));
    listeners.back()->accept();
  }

  void close_listeners() {
    for (auto& x : std::exchange(listeners, {}))
      x->close();
  }

  bool stopped() const { return shared->closed || shared->draining; }

  std::shared_ptr<core> shared;
  std::vector<std::shared_ptr<listener>> listeners;
};

http_server::http_server(boost::asio::io_context& io, timer_queue& timers,
                         http_server_options options, http_handler handler)
    : impl_(std::make_unique<impl>(io, timers, std::move(options), std::move(handler))) {}

http_server::~http_server() {
  close();
}

caf::expected<uint16_t> http_server::listen_tcp(const std::string& address, uint16_t port) {
  using boost::asio::ip::tcp;
  boost::system::error_code ec;
  auto refuse = [&] {
    return fail(errc::config_invalid, "cannot listen at '" + address + "' port " +
                                          std::to_string(port) + ": " + ec.message());
  };
  if (impl_->stopped())
    return fail(errc::draining, "the HTTP server is stopped");
  auto host = boost::asio::ip::make_address(address == "localhost" ? "127.0.0.1" : address, ec);
  if (ec)
    return refuse();
  tcp::endpoint endpoint{host, port};
  acceptor_type acceptor{impl_->shared->io};
  acceptor.open(endpoint.protocol(), ec);
  if (ec)
    return refuse();
  http_internal::close_on_exec(acceptor.native_handle());
  acceptor.set_option(acceptor_type::reuse_address{true}, ec);
  if (!ec)
    acceptor.bind(endpoint, ec);
  if (!ec)
    acceptor.listen(boost::asio::socket_base::max_listen_connections, ec);
  if (ec)
    return refuse();
  auto local = acceptor.local_endpoint(ec);
  if (ec)
    return refuse();
  tcp::endpoint chosen;
  chosen.resize(local.size());
  std::memcpy(chosen.data(), local.data(), local.size());
  impl_->add_listener(std::move(acceptor), std::nullopt);
  return chosen.port();
}

caf::error http_server::listen_unix(const std::string& path) {
  if (impl_->stopped())
    return fail(errc::draining, "the HTTP server is stopped");
  auto made = http_internal::listen_at(path);
  if (!made)
    return std::move(made.error());
  acceptor_type acceptor{impl_->shared->io};
  boost::system::error_code ec;
  acceptor.assign(http_internal::protocol{AF_UNIX, 0}, made->fd, ec);
  if (ec) {
    ::close(made->fd);
    http_internal::remove_socket_file(*made);
    return fail(errc::config_invalid, "cannot listen at '" + path + "': " + ec.message());
  }
  impl_->add_listener(std::move(acceptor), std::move(*made));
  return {};
}

caf::error http_server::adopt(int fd) {
  boost::system::error_code ec;
  http_internal::socket_type socket{impl_->shared->io};
  socket.assign(http_internal::protocol{AF_UNIX, 0}, fd, ec);
  if (ec) {
    ::close(fd);
    return fail(errc::invalid_argument, "cannot serve the socket: " + ec.message());
  }
  if (impl_->stopped())
    return fail(errc::draining, "the HTTP server is stopped");
  if (!http_internal::is_allowed_peer(fd)) {
    ++impl_->shared->stats.rejected;
    return fail(errc::forbidden, "the socket's peer is another user");
  }
  http_internal::close_on_exec(fd);
  impl_->shared->add(std::move(socket), true);
  return {};
}

void http_server::stop_accepting(std::function<void()> on_drained) {
  if (impl_->shared->closed)
    return;
  impl_->close_listeners();
  impl_->shared->drain(std::move(on_drained));
}

void http_server::answer_unfinished() {
  if (!impl_->shared->closed)
    impl_->shared->answer_unfinished();
}

void http_server::close() {
  impl_->close_listeners();
  impl_->shared->close();
}

http_server_stats http_server::stats() const {
  return impl_->shared->stats;
}

} // namespace dbs
