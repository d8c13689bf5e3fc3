// A command on its way, and who is told how it ended.
#pragma once

#include "dbs/messages/redis/command.hpp"
#include "dbs/messages/redis/reply.hpp"
#include "dbs/runtime/io/timer_queue.hpp"

#include <boost/container/deque.hpp>

#include <caf/expected.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace dbs::redis {

/// Names a request; chosen by whoever asks, meaningless to the client.
using request_token = uint64_t;

/// Gets each answer exactly once, possibly before the call that made the request has
/// returned; in the turn of the loop. May ask for more from there. A client that is
/// destroyed answers nothing more.
class reply_sink {
public:
  virtual void on_reply(request_token token, caf::expected<redis_reply> reply) = 0;

  /// The answer to a batch.
  virtual void on_replies(request_token token, caf::expected<std::vector<redis_reply>> replies) = 0;

protected:
  ~reply_sink() = default;
};

/// What the commands of one batch share.
struct flying_batch {
  reply_sink* to;
  request_token token;
  std::vector<redis_reply> replies;
  size_t left;
  /// Some of it may have reached the server.
  bool sent = false;
};

struct flight {
  using time_point = timer_queue::time_point;

  redis_command command;
  /// Null of what belongs to a batch, and of a probe.
  reply_sink* to = nullptr;
  request_token token = 0;
  time_point asked;
  time_point deadline = time_point::max();
  std::shared_ptr<flying_batch> batch;
  /// Within the batch.
  uint32_t index = 0;
  /// Reads only: it may be sent again.
  bool reads = false;
  bool repeated = false;
  /// The client's own, to see whether the server is there.
  bool probe = false;
  /// Counted against the client's bound, in bytes.
  size_t admitted = 0;
  /// On the wire, once it was sent.
  size_t wire_size = 0;

  /// Whether somebody waits for the reply; else it is skipped.
  bool wanted() const noexcept { return to != nullptr || batch != nullptr || probe; }
};

/// In blocks of many, so that a command on its way costs hardly any allocation; three are all
/// that one of `std::deque` holds.
using flight_queue = boost::container::deque<
    flight, void, boost::container::deque_options<boost::container::block_size<64>>::type>;

} // namespace dbs::redis
