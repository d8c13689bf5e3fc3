// Bytes from Redis to replies, within bounds.
//
// Parsing is hiredis' own; the bounds are ours, because hiredis 1.2 has none on the
// size of a reply, the length of a line or the depth of nesting. So is what is made of
// it: the nodes of a `redis_reply`, without an allocation for each.
#pragma once

#include "dbs/messages/redis/reply.hpp"

#include <caf/error.hpp>
#include <caf/expected.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

namespace dbs::redis {

/// What one reply may be at most.
struct reply_limits {
  /// On the wire.
  size_t max_bytes = 64 * 1024 * 1024;
  /// A status, an error, a number, or the header of a string or an array.
  size_t max_line = 64 * 1024;
  /// Elements of all arrays, sets and maps in it together.
  size_t max_elements = 1'000'000;
  /// Arrays in arrays.
  size_t max_depth = 16;
};

/// Belongs to one connection and one thread.
class reply_reader {
public:
  explicit reply_reader(reply_limits limits = {});

  ~reply_reader();

  reply_reader(const reply_reader&) = delete;
  reply_reader& operator=(const reply_reader&) = delete;

  /// Takes over what has arrived. Call `next` until there is nothing more.
  void feed(std::string_view bytes);

  /// The next complete reply, or nothing when more bytes are needed. After an error,
  /// `protocol_error` or `payload_too_large`, nothing but that error comes.
  caf::expected<std::optional<redis_reply>> next();

private:
  struct state;

  std::unique_ptr<state> state_;
};

} // namespace dbs::redis
