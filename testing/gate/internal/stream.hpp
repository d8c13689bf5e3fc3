// One direction of one connection through a gate: reads, holds, delivers.
#pragma once

#include "dbs/testing/gate/tcp_gate.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

namespace dbs::testing::internal {

/// The faults of one direction; zero stands for none.
struct link_faults {
  std::chrono::milliseconds delay{0};
  bool drop = false;
  bool hold = false;
  size_t bytes_per_second = 0;
  size_t part = 0;
  std::chrono::microseconds gap{0};
  std::optional<size_t> close_after;
};

/// What a direction has done, summed over all connections.
struct link_counters {
  uint64_t bytes = 0;
  uint64_t writes = 0;
  uint64_t dropped = 0;
};

class stream;

/// Holds both streams of a connection. Streams keep it alive while they wait.
class stream_owner : public std::enable_shared_from_this<stream_owner> {
public:
  virtual ~stream_owner() = default;

  /// The side that `origin` delivers to is gone.
  virtual void on_write_failed(stream& origin) = 0;

  /// The news that one side has broken its connection reached the other.
  virtual void on_reset() = 0;

  /// `close_after` has delivered its last byte.
  virtual void on_used_up() = 0;

  /// A stream is done.
  virtual void on_done() = 0;
};

/// Runs on the gate's thread only.
class stream {
public:
  using socket = boost::asio::ip::tcp::socket;

  stream(stream_owner& owner, socket& from, socket& to, const link_faults& faults,
         link_counters& counters, size_t buffer_bytes);

  /// Begins, or goes on after the faults have changed.
  void run();

  /// The count for `close_after` begins anew.
  void count_from_here() { delivered_ = 0; }

  /// Delivers that the other side has broken its connection.
  void break_off();

  /// Delivers nothing more; what arrives is read and thrown away, so that closing
  /// the socket sends no RST, which would destroy what was delivered before.
  void drain();

  /// Does nothing more at all; the sockets are about to be closed.
  void stop();

  /// Whether nothing can come of it any more.
  bool done() const noexcept { return finished_ || (at_end_ && (has_hole_ || draining_)); }

private:
  using clock = std::chrono::steady_clock;

  enum class news : uint8_t { bytes, end, reset };

  /// What arrived together.
  struct chunk {
    news what;
    clock::time_point arrived;
    std::string bytes;
    size_t sent = 0;
  };

  void read();
  void on_read(boost::system::error_code error, size_t size);
  void deliver();
  void lose_queue();
  bool write(chunk& front);
  void wait_for_room();
  void sleep_until(clock::time_point when);
  size_t next_part(const chunk& front) const;

  stream_owner& owner_;
  socket& from_;
  socket& to_;
  const link_faults& faults_;
  link_counters& counters_;
  const size_t buffer_bytes_;
  boost::asio::steady_timer timer_;
  std::array<char, 16384> input_;
  std::deque<chunk> queue_;
  size_t queued_ = 0;
  size_t delivered_ = 0;
  clock::time_point next_write_;
  bool reading_ = false;
  bool waiting_for_room_ = false;
  bool at_end_ = false;
  bool has_hole_ = false;
  bool finished_ = false;
  bool draining_ = false;
};

} // namespace dbs::testing::internal
