// One connection through a gate: two sockets and a stream in each direction.
#pragma once

#include "dbs/testing/gate/internal/stream.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

namespace dbs::testing::internal {

struct link {
  const link_faults& faults;
  link_counters& counters;
};

/// Runs on the gate's thread only. Kept alive by what it waits for.
class connection : public stream_owner {
public:
  using tcp = boost::asio::ip::tcp;

  connection(tcp::socket client, link to_server, link to_client, size_t buffer_bytes);

  /// Connects to the server, and forwards.
  void start(const tcp::resolver::results_type& target);

  /// Goes on after the faults have changed.
  void run();

  void count_from_here(bool to_server, bool to_client);

  /// Ends both sides with FIN, after what has been delivered.
  void close();

  /// Breaks both sides with RST.
  void reset();

  bool active() const noexcept { return active_; }

  void on_write_failed(stream& origin) override;
  void on_reset() override { reset(); }
  void on_used_up() override { close(); }
  void on_done() override;

private:
  void close_sockets();

  tcp::socket client_;
  tcp::socket server_;
  stream to_server_;
  stream to_client_;
  boost::asio::steady_timer patience_;
  bool connected_ = false;
  bool active_ = true;
};

} // namespace dbs::testing::internal
