#include "dbs/testing/servers/free_port.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace dbs::testing {

free_port::free_port() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  int yes = 1;
  if (fd_ < 0 || setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) != 0 ||
      bind(fd_, generic, length) != 0 || getsockname(fd_, generic, &length) != 0) {
    auto reason = errno;
    if (fd_ >= 0)
      close(fd_);
    throw std::system_error{reason, std::generic_category(), "cannot reserve a port of 127.0.0.1"};
  }
  number_ = ntohs(address.sin_port);
}

free_port::~free_port() {
  close(fd_);
}

} // namespace dbs::testing
