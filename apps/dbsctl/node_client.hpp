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

/// One connection per request; blocks for at most `timeout`.
class node_client {
public:
  node_client(std::string socket, caf::timespan timeout)
      : socket_(std::move(socket)), timeout_(timeout) {}

  /// `peer_unavailable` if nobody answers at the socket.
  caf::expected<node_answer> get(const std::string& target) const;
  caf::expected<node_answer> post(const std::string& target, const nlohmann::json& body) const;

private:
  caf::expected<node_answer> ask(const char* method, const std::string& target,
                                 const std::string& body) const;

  std::string socket_;
  caf::timespan timeout_;
};

} // namespace dbs::ctl
