// Raw hiredis, as fast as it goes without a pool or actors. Connections stay open from
// round to round.
#pragma once

#include "harness/load.hpp"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <string>

namespace dbs::bench {

/// Gives the server the keys "kv:1" to "kv:100000" (see kv.hpp), each with 100 bytes.
void fill_redis(const std::string& host, uint16_t port);

struct redis_closer {
  void operator()(redisContext* context) const { redisFree(context); }
  void operator()(redisAsyncContext* context) const { redisAsyncFree(context); }
};

/// One connection, synchronous: redisCommand in a loop.
class hiredis_sync {
public:
  hiredis_sync(const std::string& host, uint16_t port);

  load_summary run(window how);

private:
  std::unique_ptr<redisContext, redis_closer> context_;
  std::minstd_rand keys_{1};
};

/// One connection and one thread under poll(2), with so many GETs under way.
class hiredis_async {
public:
  hiredis_async(const std::string& host, uint16_t port, int outstanding);

  load_summary run(window how);

private:
  using clock = load_recorder::clock;

  void send(clock::time_point now);
  void receive(const redisReply* reply);

  std::unique_ptr<redisAsyncContext, redis_closer> context_;
  int outstanding_;
  std::minstd_rand keys_{1};
  /// Of the round that runs.
  load_recorder* recorder_ = nullptr;
  /// When those under way were sent, the oldest first.
  std::deque<clock::time_point> sent_;
  std::string failure_;
};

} // namespace dbs::bench
