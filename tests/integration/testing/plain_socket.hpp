// Blocking sockets with deadlines: both ends of a connection in the hands of a test.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace dbs::test {

using std::chrono::milliseconds;

/// How reading from a socket went.
enum class outcome { data, end, reset, silence };

class plain_socket {
public:
  static constexpr milliseconds patience{10'000};

  explicit plain_socket(int fd = -1) : fd_(fd) {}
  plain_socket(plain_socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  plain_socket& operator=(plain_socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~plain_socket() {
    if (fd_ >= 0)
      close(fd_);
  }

  /// Zero, or the errno of connect: ECONNREFUSED, or ETIMEDOUT when it hangs.
  int connect(uint16_t port, milliseconds within = patience) {
    plain_socket fresh{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    auto address = loopback(port);
    if (::connect(fresh.fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      if (errno != EINPROGRESS)
        return errno;
      if (!fresh.ready(POLLOUT, within))
        return ETIMEDOUT;
      int error = 0;
      socklen_t size = sizeof(error);
      getsockopt(fresh.fd_, SOL_SOCKET, SO_ERROR, &error, &size);
      if (error != 0)
        return error;
    }
    *this = std::move(fresh);
    return 0;
  }

  /// How many bytes went out before the socket took no more for `within`.
  size_t send(std::string_view bytes, milliseconds within = patience) {
    size_t sent = 0;
    while (sent < bytes.size() && ready(POLLOUT, within)) {
      auto n = ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (n < 0 && errno != EAGAIN)
        break;
      sent += n > 0 ? static_cast<size_t>(n) : 0;
    }
    return sent;
  }

  /// Appends to `received` what comes within the time, once.
  outcome receive(milliseconds within = patience) {
    char buffer[65536];
    if (!ready(POLLIN, within))
      return outcome::silence;
    auto n = recv(fd_, buffer, sizeof(buffer), 0);
    if (n > 0)
      received.append(buffer, static_cast<size_t>(n));
    return n > 0 ? outcome::data : n == 0 ? outcome::end : outcome::reset;
  }

  /// Reads until `size` bytes have come in all. Returns what has come.
  const std::string& receive_bytes(size_t size) {
    while (received.size() < size && receive() == outcome::data) {
    }
    return received;
  }

  /// Reads to the end of the stream, however it ends.
  outcome receive_all(milliseconds within = patience) {
    outcome result = outcome::data;
    while (result == outcome::data)
      result = receive(within);
    return result;
  }

  void end() { shutdown(fd_, SHUT_WR); }

  /// Closes with RST.
  void break_off() {
    linger now{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    *this = plain_socket{};
  }

  bool ready(short events, milliseconds within) const {
    pollfd entry{fd_, events, 0};
    return poll(&entry, 1, static_cast<int>(within.count())) == 1;
  }

  int fd() const { return fd_; }

  static sockaddr_in loopback(uint16_t port) {
    sockaddr_in result{};
    result.sin_family = AF_INET;
    result.sin_port = htons(port);
    result.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return result;
  }

  std::string received;

private:
  int fd_;
};

/// A server that a test plays itself.
class plain_listener {
public:
  plain_listener() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    auto address = plain_socket::loopback(0);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(socket_.fd(), generic, size) != 0 || listen(socket_.fd(), 16) != 0 ||
        getsockname(socket_.fd(), generic, &size) != 0)
      throw std::system_error(errno, std::generic_category(), "listen");
    port_ = ntohs(address.sin_port);
  }

  uint16_t port() const { return port_; }

  plain_socket accept(milliseconds within = plain_socket::patience) {
    if (!socket_.ready(POLLIN, within))
      throw std::system_error(ETIMEDOUT, std::generic_category(), "accept");
    return plain_socket{accept4(socket_.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
  }

private:
  plain_socket socket_;
  uint16_t port_ = 0;
};

} // namespace dbs::test
