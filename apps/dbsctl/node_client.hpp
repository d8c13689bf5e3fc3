// Speaks HTTP to a node over its Unix socket.
#pragma once

#include <caf/expected.hpp>
#include <caf/timespan.hpp>

#include <nlohmann/json.hpp>

#include <string>

namespace dbs::ctl {

struct node_answer {
  unsigned status = 0;
  nlohmann::json body;

  bool ok() const noexcept { return status >= 200 && status < 300; }
};

/// One connection per request.
///
/// Before anything is sent, the kernel is asked who listens: anybody can make a
/// socket at a path in /tmp.
class node_client {
public:
  /// @param named is true if the user named the socket, not a default.
  node_client(std::string socket, bool named) : socket_(std::move(socket)), named_(named) {}

  /// Block for at most `timeout`. `peer_unavailable` if nobody answers at the
  /// socket, `forbidden` if whoever listens is not trusted, `protocol_error` if it is
  /// no node.
  caf::expected<node_answer> get(const std::string& target, caf::timespan timeout) const;
  caf::expected<node_answer> post(const std::string& target, const nlohmann::json& body,
                                  caf::timespan timeout) const;

private:
  caf::expected<node_answer> ask(const char* method, const std::string& target,
                                 const std::string& body, caf::timespan timeout) const;

  std::string socket_;
  bool named_;
};

} // namespace dbs::ctl
