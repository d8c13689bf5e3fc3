// A TCP proxy whose link can be made bad at run time, to put in front of a server
// under test.
//
//   dbs::testing::private_redis redis;
//   dbs::testing::tcp_gate gate{redis.host(), redis.port()};
//   connect_to("redis://127.0.0.1:" + std::to_string(gate.port()));
//   gate.drop();        // the link is half open: nothing arrives any more
//   gate.reset_all();   // the old connections break
//   gate.pass();        // new ones work
//
// Needs no privileges. What a proxy cannot do - lose single packets, answer "no
// route" - needs a network namespace and tc(8).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace dbs::testing {

/// Which way bytes flow.
enum class gate_direction : uint8_t { to_server, to_client, both };

/// What went through a gate since it was made.
struct gate_stats {
  /// Clients accepted, and those of them whose connection is still forwarded.
  uint64_t connections = 0;
  uint64_t active = 0;
  /// Bytes delivered to the other side, and the writes it took.
  uint64_t bytes_to_server = 0;
  uint64_t bytes_to_client = 0;
  uint64_t writes_to_server = 0;
  uint64_t writes_to_client = 0;
  /// Bytes swallowed by `drop`, both ways.
  uint64_t bytes_dropped = 0;
};

/// Listens on a free port of 127.0.0.1 and forwards to one address, on a thread of
/// its own.
///
/// A fault holds for open connections and for new ones, and in one direction or in
/// both; different faults combine. Each function returns when its change is in
/// force. All functions may be called from any thread.
///
/// Per connection and direction at most `buffer_bytes` are held: a slow or stopped
/// link makes the sender wait, as TCP does.
class tcp_gate {
public:
  static constexpr size_t default_buffer_bytes = size_t{256} << 10;

  /// @param host a name or address, resolved here and now.
  /// Throws `std::system_error` when the name cannot be resolved or no port is free.
  tcp_gate(const std::string& host, uint16_t port, size_t buffer_bytes = default_buffer_bytes);

  /// Closes all connections.
  ~tcp_gate();

  tcp_gate(const tcp_gate&) = delete;
  tcp_gate& operator=(const tcp_gate&) = delete;

  std::string host() const { return "127.0.0.1"; }

  /// Stays the same whatever is switched.
  uint16_t port() const noexcept;

  // -- faults of the link ------------------------------------------------------

  /// Lifts all faults of the direction; with `both` the gate also accepts again.
  void pass(gate_direction which = gate_direction::both);

  /// Every byte arrives that much later; the throughput stays.
  void delay(std::chrono::milliseconds time, gate_direction which = gate_direction::both);

  /// Swallows bytes and ends of streams: a half-open link, on which both sides keep
  /// their connections and hear nothing. A stream that has lost a byte stays silent
  /// even after `pass`, since no real link delivers a stream with a hole.
  void drop(gate_direction which = gate_direction::both);

  /// Nothing moves and nothing is lost: a partition that may heal. `pass` lets go
  /// what was held.
  void hold(gate_direction which = gate_direction::both);

  /// At most that many bytes per second and connection; 0 is no limit.
  void limit_bytes_per_second(size_t bytes, gate_direction which = gate_direction::both);

  /// Delivers in parts of at most `bytes`, `gap` apart, so that the receiver sees
  /// them singly; 0 turns it off.
  void split(size_t bytes, gate_direction which = gate_direction::both,
             std::chrono::microseconds gap = std::chrono::milliseconds{1});

  /// Each connection is closed when it has delivered that many bytes more, counted
  /// from now or from its beginning.
  void close_after(size_t bytes, gate_direction which = gate_direction::both);

  // -- connections -------------------------------------------------------------

  /// Ends both sides of every connection in order (FIN); what is on its way to
  /// them arrives, what the gate holds is lost.
  void close_all();

  /// Breaks every connection with RST.
  void reset_all();

  /// New connections are refused, as when no server listens.
  void stop_accepting();

  /// New connections hang in connect, as when the server's host is gone: the
  /// backlog is full and the kernel answers no SYN. After `accept` it can take the
  /// waiting client's kernel a second or more to try again.
  void accept_nothing();

  /// Ends `stop_accepting` and `accept_nothing`.
  void accept();

  gate_stats stats() const;

private:
  class impl;

  /// Runs on the gate's thread and waits for it.
  void run(const std::function<void(impl&)>& change) const;

  std::unique_ptr<impl> impl_;
};

} // namespace dbs::testing
