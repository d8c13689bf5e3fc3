// A TCP port of the loopback interface that nobody else gets.
#pragma once

#include <cstdint>

namespace dbs::testing {

/// Holds a free port of 127.0.0.1 for a server that binds it later, and again
/// after every restart.
///
/// The port is bound, not listening, with SO_REUSEADDR: on Linux a server that
/// sets SO_REUSEADDR as well (PostgreSQL, Redis and Asio acceptors do) can bind and
/// listen on it, while the kernel gives it to nobody who asks for port 0 or
/// connects out. A connection is refused until the server listens. This closes the
/// usual race between finding a free port and using it.
class free_port {
public:
  /// Throws `std::system_error` when the machine has no port left.
  free_port();

  ~free_port();

  free_port(const free_port&) = delete;
  free_port& operator=(const free_port&) = delete;

  uint16_t number() const noexcept { return number_; }

private:
  int fd_ = -1;
  uint16_t number_ = 0;
};

} // namespace dbs::testing
