// The records the pool keeps: requests, connections and leases.
//
// For pool_core.hpp only.
#pragma once

#include "dbs/messages/errc.hpp"
#include "dbs/messages/postgres/pool.hpp"
#include "dbs/runtime/io/timer_queue.hpp"
#include "dbs/runtime/postgres/connection.hpp"
#include "dbs/runtime/postgres/pool_client.hpp"

#include <caf/error.hpp>

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <vector>

namespace dbs::postgres {

class pool_core;
struct pool_lease;
struct pool_slot;

// -- requests ---------------------------------------------------------------------

enum class request_kind : uint8_t {
  execute,
  checkout,
  /// Asks an idle server whether it is there: not counted, never waits.
  probe,
  /// From here on: operations on a lease.
  statement,
  batch,
  /// A step of a stream or COPY.
  transfer,
  begin,
  commit,
  rollback,
  savepoint,
  release,
};

enum class request_place : uint8_t {
  /// In `waiting`: for a connection.
  waiting,
  /// In `pool_lease::pending`: for its turn on a lease.
  pending,
  /// In `pool_slot::running`.
  running,
};

/// Which connection a request may get.
enum class request_lane : uint8_t {
  /// Any, to itself.
  own,
  /// One of those that are shared.
  shared,
  /// Willing to share but slow: any but the last ones, to itself.
  slow,
};

/// One request from its arrival to its answer. The nodes move between lists by
/// splicing and are reused, so that a request costs no allocation.
struct pool_request {
  using time_point = timer_queue::time_point;

  request_kind kind = request_kind::execute;
  request_place place = request_place::waiting;
  request_lane lane = request_lane::own;
  bool allow_nested = false;
  bool read_only = false;
  /// Leads out of a transaction that has failed: ROLLBACK, with or without TO.
  bool returns = false;
  /// Answered before its turn, of which only its place is left. Refused before it was
  /// sent, it waits on its lease: whether it was part of a transaction shows only then.
  /// Late while it ran without a lease, it waits for what the server still answers.
  bool refused = false;
  /// A cancel was asked for on its behalf.
  bool cancelled = false;
  /// It failed once because of a stale plan.
  bool reprepared = false;
  /// Where the session stood when it was sent.
  transaction_status sent_in = transaction_status::idle;
  /// How often it was put back to be run elsewhere.
  uint32_t moves = 0;
  /// Of `pool_core`, when it was sent.
  uint64_t plan_epoch = 0;
  request_token token = 0;
  owner_id owner = 0;
  time_point arrived;
  time_point started;
  /// The caller's own, or `time_point::max()`.
  time_point deadline = time_point::max();
  /// When waiting for a connection ends.
  time_point acquire_by;
  /// Or, in `sql`, the command of ours.
  pg_statement statement;
  std::vector<pg_statement> batch;
  /// Of a step: what, how large chunks shall be, and what to write.
  pg_transfer_action action = pg_transfer_action::next;
  pg_chunk_size chunks;
  blob data;
  /// The results of the batch so far, and their size.
  std::vector<pg_result> parts;
  size_t part_bytes = 0;
  timer_queue::timer_id timer;
  pool_slot* slot = nullptr;
  pool_lease* lease = nullptr;

  size_t bytes() const { return statement.sql.size() + statement.params.bytes(); }

  /// What is left of a refused request is its place.
  void mark_refused() {
    refused = true;
    statement = {};
    batch = {};
    data = {};
  }
};

using request_list = std::list<pool_request>;
using request_ref = request_list::iterator;

// -- connections ------------------------------------------------------------------

enum class slot_phase : uint8_t {
  connecting,
  idle,
  /// Runs a statement that needs no lease, or several that share it.
  statement,
  lease,
  /// On its way back.
  cleaning,
  /// To be destroyed as soon as nobody is inside a call to it.
  closing,
};

/// How the transaction that is open on a connection was begun.
enum class slot_transaction : uint8_t { none, begun, begun_read_only, typed_by_user };

/// One server connection, from the first packet to its destruction. Everything
/// that exists on the server has a slot, so the number of slots is what is
/// compared with pool_size + max_overflow.
struct pool_slot final : connection_observer {
  using time_point = timer_queue::time_point;

  explicit pool_slot(pool_core& owner) : pool(owner) {}

  void on_connected(connection& conn) override;
  void on_connect_failed(connection& conn, caf::error reason) override;
  void on_part(connection& conn, pg_result part) override;
  void on_result(connection& conn, caf::expected<pg_result> result) override;
  void on_chunk(connection& conn, pg_chunk chunk) override;
  void on_cancel_settled(connection& conn) override;
  void on_lost(connection& conn, caf::error reason) override;

  pool_core& pool;
  connection_ptr conn;
  slot_phase phase = slot_phase::connecting;
  slot_transaction transaction = slot_transaction::none;
  /// Of what it runs without a lease.
  request_lane lane = request_lane::own;
  /// An answer is owed.
  bool busy = false;
  /// The stream or COPY that is open, also between its steps.
  std::optional<pg_transfer_action> transfer;
  /// Where the session stood before it, since now the server says `active`.
  transaction_status transfer_in = transaction_status::idle;
  /// It may have changed something, if its end is missed.
  bool transfer_writes = false;
  /// `on_cancel_settled` is owed.
  bool cancelling = false;
  /// Something that ran was answered already: quarantined until result and cancel are in.
  /// Others that share the connection are served to their end, but no new ones.
  bool abandoned = false;
  /// Why it can be used no more, once it has said so while answers are owed.
  caf::error broken;
  /// Beyond its lifetime.
  bool expired = false;
  /// During clean-up: the reset was sent, or need not be sent again.
  bool was_reset = false;
  bool rolled_back = false;
  /// The user has prepared statements of their own.
  bool prepared_by_user = false;
  uint64_t generation = 0;
  uint64_t plan_epoch = 0;
  time_point idle_since;
  /// Since when the first of `running` has been that.
  time_point head_since;
  /// Of the statements that share it.
  size_t shared_bytes = 0;
  /// Closed while it was busy, it lives on at the server until then.
  time_point gone_at;
  pool_lease* lease = nullptr;
  /// At most one, but for statements that share: these in the order of their answers.
  /// During clean-up the `release` that waits for it.
  request_list running;
  timer_queue::timer_id cleanup_timer;
  /// Of a shared connection: looks at the first of what runs.
  timer_queue::timer_id watch_timer;
  timer_queue::timer_id lifetime_timer;
  /// The lease's last statement, for the list of holders.
  std::string last_sql;
};

// -- leases -----------------------------------------------------------------------

struct pool_lease {
  using time_point = timer_queue::time_point;

  /// How many requests may wait for their turn on one lease.
  static constexpr size_t max_pending = 64;

  pg_lease name;
  owner_id owner = 0;
  time_point since;
  /// Null once the connection is lost.
  pool_slot* slot = nullptr;
  /// A `release` has arrived.
  bool closing = false;
  bool leaking = false;
  /// Part of a transaction was not run, and the server does not know: as in one that
  /// has failed, nothing may follow but the way back.
  bool spoilt = false;
  request_list pending;
  timer_queue::timer_id leak_timer;
  /// Why there is no connection any more, and how that is told.
  std::string lost_reason;
  errc lost_as = errc::connection_lost;
};

} // namespace dbs::postgres
