// Watches the socket of a PGconn from an event loop.
#pragma once

#include "dbs/runtime/io/socket_set.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace dbs::postgres::internal {

/// libpq closes and replaces its socket whenever it likes. The loop therefore gets
/// a duplicate, which stays valid until we close it: an event can never be taken
/// for one of a later socket with the same number, and a forked child cannot keep
/// a registration alive that nobody can remove. While it is open the peer does not
/// see the connection end, so close it first and call PQfinish at once.
class pq_socket {
public:
  pq_socket(socket_set& sockets, socket_watcher& who) : sockets_(sockets), who_(who) {}

  ~pq_socket() { close(); }

  pq_socket(const pq_socket&) = delete;
  pq_socket& operator=(const pq_socket&) = delete;

  /// False if the process has no file descriptors left, or the kernel no memory.
  bool open(int fd) {
    close();
    copy_ = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy_ < 0)
      return false;
    key_ = sockets_.add(copy_, who_);
    if (key_ == 0)
      close();
    return key_ != 0;
  }

  /// From here on its watcher hears nothing.
  void close() noexcept {
    if (copy_ < 0)
      return;
    sockets_.remove(key_);
    ::close(copy_);
    copy_ = -1;
    key_ = 0;
  }

  void await_readable() { sockets_.await_readable(key_); }

  void await_writable() { sockets_.await_writable(key_); }

private:
  socket_set& sockets_;
  socket_watcher& who_;
  int copy_ = -1;
  socket_set::key key_ = 0;
};

} // namespace dbs::postgres::internal
