#include "dbs/testing/gate/internal/connection.hpp"

#include <boost/asio/connect.hpp>

#include <utility>

namespace dbs::testing::internal {

using boost::system::error_code;

namespace {

/// How long a closed connection waits for the other sides to close theirs.
constexpr std::chrono::seconds close_patience{2};

/// What we delay or split must not be delayed or joined by Nagle's algorithm.
void prepare(boost::asio::ip::tcp::socket& socket) {
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.set_option(boost::asio::ip::tcp::no_delay{true}, ignored);
}

} // namespace

connection::connection(tcp::socket client, link to_server, link to_client, size_t buffer_bytes)
    : client_(std::move(client)), server_(client_.get_executor()),
      to_server_(*this, client_, server_, to_server.faults, to_server.counters, buffer_bytes),
      to_client_(*this, server_, client_, to_client.faults, to_client.counters, buffer_bytes),
      patience_(client_.get_executor()) {}

void connection::start(const tcp::resolver::results_type& target) {
  auto alive = shared_from_this();
  boost::asio::async_connect(server_, target,
                             [this, alive](error_code error, const tcp::endpoint&) {
                               if (error || !active_) {
                                 reset();
                                 return;
                               }
                               connected_ = true;
                               prepare(client_);
                               prepare(server_);
                               run();
                             });
}

void connection::run() {
  if (!connected_)
    return;
  to_server_.run();
  to_client_.run();
}

void connection::count_from_here(bool to_server, bool to_client) {
  if (to_server)
    to_server_.count_from_here();
  if (to_client)
    to_client_.count_from_here();
}

void connection::close() {
  if (!std::exchange(active_, false))
    return;
  if (!connected_) {
    close_sockets();
    return;
  }
  error_code ignored;
  client_.shutdown(tcp::socket::shutdown_send, ignored);
  server_.shutdown(tcp::socket::shutdown_send, ignored);
  to_server_.drain();
  to_client_.drain();
  patience_.expires_after(close_patience);
  patience_.async_wait([this, alive = shared_from_this()](error_code error) {
    if (!error)
      close_sockets();
  });
  on_done();
}

void connection::reset() {
  active_ = false;
  for (auto* socket : {&client_, &server_}) {
    error_code ignored;
    socket->set_option(tcp::socket::linger{true, 0}, ignored);
  }
  close_sockets();
}

void connection::on_write_failed(stream& origin) {
  (&origin == &to_server_ ? to_client_ : to_server_).break_off();
}

void connection::on_done() {
  if (to_server_.done() && to_client_.done())
    close_sockets();
}

void connection::close_sockets() {
  active_ = false;
  patience_.cancel();
  to_server_.stop();
  to_client_.stop();
  error_code ignored;
  client_.close(ignored);
  server_.close(ignored);
}

} // namespace dbs::testing::internal
