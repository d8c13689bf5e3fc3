// The file of a listening Unix socket, and who may connect to it.
#pragma once

#include <caf/error.hpp>
#include <caf/expected.hpp>

#include <sys/types.h>

#include <string>

namespace dbs::http_internal {

/// A listening socket and the file it is bound to.
struct unix_listener {
  int fd = -1;
  std::string path;
  /// Identify the file, so that a successor's is not removed.
  dev_t device = 0;
  ino_t inode = 0;
};

/// Binds and listens, with mode 0600. A socket file that nobody listens on any
/// more is replaced. `config_invalid` names the path.
caf::expected<unix_listener> listen_at(const std::string& path);

/// Removes the file unless it is another one by now.
void remove_socket_file(const unix_listener& listener) noexcept;

/// True for our own user and for root.
bool is_allowed_peer(uid_t peer, uid_t own) noexcept;

/// Asks the kernel who was at the other end when the connection was made.
bool is_allowed_peer(int fd) noexcept;

/// Sets the close-on-exec flag: a child of the host must not inherit our sockets.
void close_on_exec(int fd) noexcept;

} // namespace dbs::http_internal
