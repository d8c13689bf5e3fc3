// What all commands have in common.
#pragma once

#include "node_client.hpp"

#include "dbs/config/socket_path.hpp"

#include <caf/timespan.hpp>

#include <chrono>
#include <cstdint>
#include <string>

namespace dbs::ctl {

/// How much longer than `options::timeout` a client waits where the node itself keeps to
/// that: it answers in time.
inline constexpr caf::timespan node_grace = std::chrono::seconds{5};

struct options {
  /// Empty for the default.
  std::string socket;
  bool json = false;
  int64_t timeout_ms = 10'000;

  caf::timespan timeout() const { return std::chrono::milliseconds{timeout_ms}; }

  node_client node() const {
    return {socket.empty() ? default_socket_path() : socket, !socket.empty()};
  }
};

} // namespace dbs::ctl
