#include "dbs/runtime/http/internal/unix_socket.hpp"

#include "dbs/messages/error_detail.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace dbs::http_internal {

namespace {

caf::error refuse(const std::string& path, const std::string& why) {
  return fail(errc::config_invalid, "cannot listen at '" + path + "': " + why);
}

caf::error refuse(const std::string& path, int code) {
  return refuse(path, std::system_category().message(code));
}

/// Closes a descriptor unless it is released.
class owned_fd {
public:
  explicit owned_fd(int fd) : fd_(fd) {}
  owned_fd(const owned_fd&) = delete;
  owned_fd& operator=(const owned_fd&) = delete;
  ~owned_fd() {
    if (fd_ >= 0)
      ::close(fd_);
  }
  int get() const { return fd_; }
  int release() {
    auto result = fd_;
    fd_ = -1;
    return result;
  }

private:
  int fd_;
};

int make_socket() {
  return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

const sockaddr* as_sockaddr(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

/// Makes room for a socket at the path.
caf::error remove_stale(const std::string& path, const sockaddr_un& address) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0)
    return errno == ENOENT ? caf::error{} : refuse(path, errno);
  if (!S_ISSOCK(info.st_mode))
    return refuse(path, "there is something that is not a socket");
  owned_fd probe{make_socket()};
  if (probe.get() < 0)
    return refuse(path, errno);
  // Only a refused connection proves that nobody listens: a full backlog is EAGAIN.
  if (::connect(probe.get(), as_sockaddr(address), sizeof(address)) == 0 || errno != ECONNREFUSED)
    return refuse(path, "another process uses it");
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return refuse(path, errno);
  return {};
}

} // namespace

caf::expected<unix_listener> listen_at(const std::string& path) {
  sockaddr_un address{};
  if (path.empty() || path.size() >= sizeof(address.sun_path) ||
      path.find('\0') != std::string::npos)
    return refuse(path, "a socket's path has 1 to " + std::to_string(sizeof(address.sun_path) - 1) +
                            " bytes");
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (auto err = remove_stale(path, address))
    return err;
  owned_fd fd{make_socket()};
  if (fd.get() < 0)
    return refuse(path, errno);
  if (::bind(fd.get(), as_sockaddr(address), sizeof(address)) != 0)
    return refuse(path, errno);
  // Nobody can connect before listen(), so nobody can be faster than chmod().
  struct stat info {};
  if (::chmod(path.c_str(), 0600) != 0 || ::lstat(path.c_str(), &info) != 0 ||
      ::listen(fd.get(), SOMAXCONN) != 0) {
    auto code = errno;
    ::unlink(path.c_str());
    return refuse(path, code);
  }
  return unix_listener{fd.release(), path, info.st_dev, info.st_ino};
}

void remove_socket_file(const unix_listener& listener) noexcept {
  struct stat info {};
  if (::lstat(listener.path.c_str(), &info) == 0 && info.st_dev == listener.device &&
      info.st_ino == listener.inode)
    ::unlink(listener.path.c_str());
}

bool is_allowed_peer(uid_t peer, uid_t own) noexcept {
  return peer == own || peer == 0;
}

bool is_allowed_peer(int fd) noexcept {
  ucred peer{};
  socklen_t size = sizeof(peer);
  return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         is_allowed_peer(peer.uid, ::geteuid());
}

void close_on_exec(int fd) noexcept {
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

} // namespace dbs::http_internal
