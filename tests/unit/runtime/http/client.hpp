// HTTP clients for tests whose loop turns on the thread of the test: they never block.
#pragma once

#include <catch2/catch_test_macros.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace http_test {

/// A connected socket; reads and writes what is possible at once.
class client {
public:
  explicit client(int fd) : fd_(fd) { REQUIRE(fd_ >= 0); }
  client(client&& other) noexcept
      : received(std::move(other.received)), closed(other.closed), reset(other.reset),
        fd_(std::exchange(other.fd_, -1)) {}
  client& operator=(client&&) = delete;
  ~client() { leave(); }

  void send(std::string_view bytes) {
    REQUIRE(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(bytes.size()));
  }

  /// Sends as much as fits; false once the server does not take it any more.
  bool try_send(std::string_view bytes) {
    auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return n >= 0 || errno == EAGAIN;
  }

  void end_of_input() { ::shutdown(fd_, SHUT_WR); }

  void leave() {
    if (fd_ >= 0)
      ::close(std::exchange(fd_, -1));
  }

  /// Reads what has arrived.
  void pull() {
    char buf[4096];
    while (!closed) {
      auto n = ::recv(fd_, buf, sizeof(buf), MSG_DONTWAIT);
      if (n > 0) {
        received.append(buf, static_cast<size_t>(n));
        continue;
      }
      if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
      closed = true;
      reset = n < 0;
    }
  }

  std::string received;
  bool closed = false;
  bool reset = false;

private:
  int fd_;
};

struct answer {
  int status = 0;
  std::string head;
  std::string body;

  bool has(std::string_view header) const {
    return head.find("\r\n" + std::string{header} + "\r\n") != std::string::npos;
  }
};

/// Takes one complete answer off the front of what was received; status 0 if there
/// is none yet.
inline answer take_answer(std::string& received, bool without_body = false) {
  auto end = received.find("\r\n\r\n");
  if (end == std::string::npos || !received.starts_with("HTTP/1.1 "))
    return {};
  answer result;
  result.head = received.substr(0, end + 2);
  result.status = std::stoi(result.head.substr(9, 3));
  size_t length = 0;
  auto pos = result.head.find("\r\nContent-Length: ");
  if (pos != std::string::npos && !without_body)
    length = std::stoul(result.head.substr(pos + 18));
  if (received.size() < end + 4 + length)
    return {};
  result.body = received.substr(end + 4, length);
  received.erase(0, end + 4 + length);
  return result;
}

inline client connect_tcp(uint16_t port) {
  auto fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in addr{};
  addr.sin_family = AF_INET;
  addr.sin_port = htons(port);
  addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(fd, reinterpret_cast<sockaddr*>(&addr), sizeof(addr)) == 0);
  return client{fd};
}

/// A connected descriptor, or -1.
inline int connect_unix(const std::string& path) {
  auto fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un addr{};
  addr.sun_family = AF_UNIX;
  std::memcpy(addr.sun_path, path.data(), path.size());
  if (::connect(fd, reinterpret_cast<sockaddr*>(&addr), sizeof(addr)) == 0)
    return fd;
  ::close(fd);
  return -1;
}

inline std::string get(std::string_view target, std::string_view more = "") {
  return "GET " + std::string{target} + " HTTP/1.1\r\nHost: h\r\n" + std::string{more} + "\r\n";
}

} // namespace http_test
