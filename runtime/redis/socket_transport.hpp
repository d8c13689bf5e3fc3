// Transports over sockets: TCP, Unix sockets, TLS.
#pragma once

#include "dbs/config/settings.hpp"
#include "dbs/runtime/io/loop_environment.hpp"
#include "dbs/runtime/redis/transport.hpp"

#include <string>

namespace dbs::redis {

/// Makes transports to the server of the settings, one after the other, on the loop of
/// `environment`, which they must not outlive. TLS is 1.2 or newer and verifies the server's
/// certificate against `ca_file`, or the system's authorities if that is empty, and that it
/// was made for the host. The authorities are read once, and again after a handshake that
/// failed.
transport_factory make_socket_transports(loop_environment& environment,
                                         const redis_settings& settings);

/// "127.0.0.1:6379", "[::1]:6379" or the path of a Unix socket.
std::string endpoint_name(const host_port& address);

} // namespace dbs::redis
