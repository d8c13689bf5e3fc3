// Watches the socket of a PGconn from an event loop.
#pragma once

#include "dbs/runtime/io/loop_context.hpp"

#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include <fcntl.h>

#include <utility>

namespace dbs::postgres::internal {

/// libpq closes and replaces its socket whenever it likes. The loop therefore gets
/// a duplicate, which stays valid until we close it: an event can never be taken
/// for one of a later socket with the same number, and a forked child cannot keep
/// a registration alive that nobody can remove. While it is open the peer does not
/// see the connection end, so close it first and call PQfinish at once.
class pq_socket {
public:
  using error_code = boost::system::error_code;

  explicit pq_socket(loop_context& io) : io_(io), descriptor_(io) {}

  /// False if the process has no file descriptors left.
  bool open(int fd) {
    close();
    auto copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0)
      return false;
    error_code ec;
    descriptor_.assign(copy, ec);
    if (ec)
      ::close(copy);
    return !ec;
  }

  /// Handlers that wait get an error.
  void close() noexcept {
    error_code ignored;
    descriptor_.close(ignored);
  }

  template <class Handler>
  void wait_readable(Handler&& handler) {
    descriptor_.async_wait(descriptor::wait_read, io_.in_turn(std::forward<Handler>(handler)));
  }

  template <class Handler>
  void wait_writable(Handler&& handler) {
    descriptor_.async_wait(descriptor::wait_write, io_.in_turn(std::forward<Handler>(handler)));
  }

private:
  // The executor is named to spare each wait the type-erased one.
  using descriptor =
      boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type>;

  loop_context& io_;
  descriptor descriptor_;
};

} // namespace dbs::postgres::internal
