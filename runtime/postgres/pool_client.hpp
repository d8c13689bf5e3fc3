// What the pool's logic tells its owner: answers to requests, and events.
//
// The pool manager implements both interfaces: `pool_client` delivers replies,
// `pool_listener` feeds histograms, logs and the supervisor.
#pragma once

#include "dbs/messages/postgres/pool.hpp"

#include <caf/error.hpp>
#include <caf/expected.hpp>
#include <caf/timespan.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace dbs::postgres {

class connection;

/// The CAF actor id of whoever asks.
using owner_id = uint64_t;

/// Names a request; chosen by the client, meaningless to the pool.
using request_token = uint64_t;

/// Gets each request's answer, exactly once, possibly before the call that made
/// the request has returned. The calls come on the pool's thread and must not call
/// the pool. A pool that is destroyed answers nothing more.
class pool_client {
public:
  virtual ~pool_client() = default;

  /// Answers the `execute` of one statement.
  virtual void on_result(request_token token, caf::expected<pg_result> result) = 0;

  /// Answers `execute` of a batch.
  virtual void on_results(request_token token, caf::expected<std::vector<pg_result>> results) = 0;

  /// Answers `transfer`.
  virtual void on_chunk(request_token token, caf::expected<pg_chunk> chunk) = 0;

  /// Answers `checkout`.
  virtual void on_lease(request_token token, caf::expected<pg_lease> lease) = 0;

  /// Answers everything else; `reason` is empty on success.
  virtual void on_done(request_token token, caf::error reason) = 0;
};

/// What the pool counts. Those from `connected` on are told to the listener, too.
enum class pool_event : uint8_t {
  statements,
  /// Of these, those that were sent on a shared connection.
  shared,
  /// Of these, those that were willing to share and too slow for it.
  shared_slow,
  checkouts,
  releases,
  acquire_timeouts,
  nested_refused,
  rollbacks,
  resets,
  closed_overflow,
  closed_idle,
  closed_lifetime,
  closed_role_change,
  closed_shrink,
  connected,
  connect_failed,
  /// An established connection broke.
  lost,
  /// A lease lost its connection.
  lease_lost,
  /// A lease is held for longer than the leak threshold; once for each lease.
  leak,
  /// A lease was taken back because its owner died.
  reclaimed,
  /// A statement was asked to stop because its deadline had passed.
  cancel,
  /// A cancelled statement did not end in time: the connection was closed.
  quarantine_timeout,
  /// Rollback or reset failed or took too long: the connection was closed.
  cleanup_failed,
  /// Prepared statements no longer fit the schema and are prepared anew.
  stale_plan,
  /// A server refused to write (25006): all connections are replaced.
  role_change,
  /// A statement of which nothing had been sent, or which the cancel of a neighbour has
  /// undone, was put back to be run again.
  retried,
};

/// The last enumerator; update it together with the enum.
inline constexpr pool_event last_pool_event = pool_event::retried;

/// The counter's name in `pool_stats`, such as "connect_failed".
std::string_view name_of(pool_event event);

/// An event with what it is about; the pointers are valid during the call only.
struct pool_notice {
  pool_event event;
  const connection* conn = nullptr;
  const caf::error* reason = nullptr;
  /// Of the lease, for `leak`, `reclaimed` and `lease_lost`.
  const pg_holder* holder = nullptr;
};

/// Told what happens, on the pool's thread. Must not call the pool.
class pool_listener {
public:
  virtual ~pool_listener() = default;

  /// The first connection was established.
  virtual void on_ready() {}

  /// The first attempt to connect failed; the pool keeps trying.
  virtual void on_first_failure(const caf::error& reason) { static_cast<void>(reason); }

  /// `drain` is complete: all connections are closed.
  virtual void on_drained() {}

  virtual void on_notice(const pool_notice& notice) { static_cast<void>(notice); }

  /// From the arrival of a request until it had a connection.
  virtual void record_acquire(caf::timespan duration) { static_cast<void>(duration); }

  /// From sending a statement until its result was there.
  virtual void record_query(caf::timespan duration) { static_cast<void>(duration); }

  /// From granting a lease until its end.
  virtual void record_hold(caf::timespan duration) { static_cast<void>(duration); }
};

} // namespace dbs::postgres
