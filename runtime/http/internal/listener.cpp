#include "dbs/runtime/http/internal/listener.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <utility>

namespace dbs::http_internal {

listener::listener(std::shared_ptr<core> owner, acceptor_type acceptor,
                   std::optional<unix_listener> file)
    : core_(std::move(owner)), acceptor_(std::move(acceptor)), file_(std::move(file)) {}

void listener::accept() {
  acceptor_.async_accept(
      core_->io, [self = shared_from_this()](boost::system::error_code ec, socket_type socket) {
        self->core_->guarded([&] { self->on_accept(ec, std::move(socket)); });
      });
}

void listener::on_accept(boost::system::error_code ec, socket_type socket) {
  if (!acceptor_.is_open())
    return;
  if (ec && ec != boost::asio::error::connection_aborted) {
    // No descriptors or no memory: trying again at once would spin.
    retry_ =
        core_->timers.schedule_after(std::chrono::milliseconds{100}, [weak = weak_from_this()] {
          if (auto self = weak.lock())
            self->accept();
        });
    return;
  }
  if (!ec) {
    auto fd = socket.native_handle();
    close_on_exec(fd);
    if (file_ && !is_allowed_peer(fd)) {
      ++core_->stats.rejected;
    } else {
      if (!file_)
        socket.set_option(boost::asio::ip::tcp::no_delay{true}, ec);
      core_->add(std::move(socket), file_.has_value());
    }
  }
  accept();
}

void listener::close() {
  core_->timers.cancel(retry_);
  boost::system::error_code ignored;
  if (acceptor_.is_open() && file_)
    remove_socket_file(*file_);
  acceptor_.close(ignored);
}

} // namespace dbs::http_internal
