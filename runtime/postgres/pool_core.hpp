// The PostgreSQL pool's logic, without actors and without libpq.
//
// It decides who gets which connection when, drives transactions on leases, cleans
// connections up, replaces them, and answers every request by its deadline. The
// pool manager owns one and translates messages; the unit tests drive it with
// scripted connections and a clock of their own.
//
// Size and overflow follow the arithmetic of SQLAlchemy's QueuePool (see
// lib/sqlalchemy/pool/impl.py): connections are not tagged as overflow; the one
// that comes back while `pool_size` others are idle is closed.
#pragma once

#include "dbs/config/settings.hpp"
#include "dbs/runtime/io/timer_queue.hpp"
#include "dbs/runtime/postgres/connection.hpp"
#include "dbs/runtime/postgres/pool_client.hpp"
#include "dbs/runtime/postgres/pool_connect_gate.hpp"
#include "dbs/runtime/postgres/pool_errors.hpp"
#include "dbs/runtime/postgres/pool_slot.hpp"
#include "dbs/runtime/postgres/shared_texts.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

namespace dbs::postgres {

/// A lease id is a counter that never wraps, below the incarnation of its pool.
inline constexpr unsigned pg_lease_counter_bits = 44;

struct pool_options {
  /// Different for each incarnation of a pool, so that a lease of an earlier one is
  /// recognised. 19 bits count: as a signed number a lease id is positive.
  uint32_t incarnation = 0;
  /// For jitter.
  uint64_t seed = std::random_device{}();
};

/// Single-threaded: calls, timers and connection events come on one thread. It must
/// not be destroyed from within a call of a connection, client or listener.
class pool_core {
public:
  using time_point = timer_queue::time_point;
  using factory = std::function<connection_ptr(connection_observer&)>;

  /// PostgreSQL's own limit for max_connections.
  static constexpr uint32_t max_connections = 262143;

  /// @param make makes an unconnected connection; called once per connection.
  pool_core(const database_settings& settings, pool_options options, factory make,
            timer_queue& timers, pool_client& client, pool_listener& listener);

  ~pool_core();

  pool_core(const pool_core&) = delete;
  pool_core& operator=(const pool_core&) = delete;

  /// Opens the first connection and those that are to be kept idle. Requests may
  /// come before.
  void start();

  // -- requests: each is answered once through the client ---------------------------

  /// Runs a statement on any connection. After a result it took no part in an open
  /// transaction: a statement that leaves one open is refused and rolled back. One that
  /// is willing to share may run behind others on their connection, if it is of a kind
  /// that can.
  void execute(request_token token, owner_id owner, pg_statement statement, time_point deadline);

  /// Asks an idle connection whether its server answers; false if there is none. The
  /// answer is `on_done`. A probe does not wait and leaves no trace in the numbers. A
  /// pool without any connection opens one instead, for the next probe.
  bool probe(request_token token, time_point deadline);

  void checkout(request_token token, owner_id owner, const pg_checkout& what, time_point deadline);

  void execute(request_token token, pg_lease_statement what, time_point deadline);

  /// Errors before anything is sent: `payload_too_large`, and `invalid_argument` for a
  /// statement that controls the transaction.
  void execute(request_token token, pg_batch what, time_point deadline);

  /// Takes the steps of a stream or COPY. Errors before anything is sent:
  /// `invalid_argument` for a step that does not fit where the lease stands, and what
  /// `check_transfer` says. A `write` that was not run, whatever the reason, ends its
  /// COPY: it would be incomplete.
  void transfer(request_token token, pg_transfer what, time_point deadline);

  void begin(request_token token, const pg_transaction& what, time_point deadline);

  /// Never reports success for a transaction that was rolled back; a deadline that
  /// passes while COMMIT runs is `in_doubt`, as for every write outside a transaction.
  void commit(request_token token, pg_lease lease, time_point deadline);

  /// Does nothing, successfully, if no transaction is open.
  void rollback(request_token token, pg_lease lease, time_point deadline);

  void savepoint(request_token token, const pg_savepoint& what, time_point deadline);

  /// Ends a lease after what was asked of it before, rolls back what is open, and
  /// answers when that is done. Never late: it has no deadline.
  void release(request_token token, pg_lease lease);

  // -- control ----------------------------------------------------------------------

  /// The owner died: its leases are rolled back and taken back, its waiting requests
  /// dropped.
  void owner_down(owner_id owner);

  /// Takes effect at once for waiting requests and idle connections; connections in
  /// use are closed when they come back. `invalid_argument` changes nothing.
  caf::error resize(uint32_t pool_size, uint32_t max_overflow);

  /// Refuses new work, lets leases and running statements go on until the deadline,
  /// then cancels and rolls back. `on_drained` follows when all is closed, at most
  /// the clean-up timeout after the deadline. Calling it again sets a new deadline; on
  /// a drained pool it makes `on_drained` come again.
  void drain(time_point deadline);

  // -- reports ----------------------------------------------------------------------

  /// Without the latency summaries: the listener is told the durations.
  pool_stats stats() const;

  /// Leases and running statements (these with lease 0), the oldest first, without
  /// the owners' names.
  std::vector<pg_holder> holders(time_point now) const;

  /// True while at least one connection is established.
  bool connected() const noexcept { return established() > 0; }

  /// When a statement has succeeded last; probes do not count.
  time_point last_success() const noexcept { return last_success_; }

  /// Empty if the last attempt to connect succeeded.
  const std::string& last_connect_error() const noexcept { return last_connect_error_; }

  /// Connections that exist on the server, including those that are being opened or
  /// closed, and those that were closed while they were busy: until the server has
  /// noticed, their place is not free.
  size_t connections() const noexcept { return slots_.size(); }

private:
  friend struct pool_slot;

  // -- requests and waiters: pool_waiters.cpp ---------------------------------------

  /// Takes a node for a new request; it is in `fresh_` until it is placed.
  /// Behind a transaction pooler, `invalid_argument` for what needs a session.
  caf::error check_session_use(const pg_statement& statement, std::vector<field> fields = {}) const;
  request_ref obtain(request_kind kind, request_token token, owner_id owner, time_point deadline);
  /// Finds a connection for a request, or lets it wait.
  void submit(request_ref r);
  /// Puts the first request of a connection, of which nothing has happened, ahead of all
  /// others, to be run elsewhere. False if it has no time or was put back too often.
  bool submit_again(pool_slot& from);
  void grant(pool_slot& s, request_list& from, request_ref r);
  void run(pool_slot& s, request_list& from, request_ref r);
  void arm(request_ref r, time_point at);
  /// How much longer than the statement timeout a statement may run before its server
  /// is taken for one that hangs. Behind a pooler nobody else enforces the timeout.
  caf::timespan timeout_grace() const noexcept {
    return settings_.transaction_pooler ? caf::timespan::zero() : std::chrono::seconds{1};
  }
  void on_deadline(request_ref r);
  /// An empty `reason` answers `on_done` with success.
  void answer(request_list& from, request_ref r, caf::error reason);
  void answer_result(request_list& from, request_ref r, pg_result result);
  void answer_batch(request_list& from, request_ref r);
  /// The same without taking the request from its list.
  void deliver(const pool_request& r, caf::error reason);
  void recycle(request_list& from, request_ref r);
  void fail_waiters(errc code, const std::string& what);
  request_list& queue_of(request_lane lane) noexcept { return waiting_[static_cast<size_t>(lane)]; }
  const request_list& queue_of(request_lane lane) const noexcept {
    return waiting_[static_cast<size_t>(lane)];
  }
  size_t waiting() const noexcept;
  caf::error server_overrun() const;
  /// True if no connection can come but from somebody who holds a lease.
  bool all_leased() const;
  void refuse_nested(request_list& from, request_ref r);
  /// To be called when `all_leased` may have come true: for those who were let wait.
  void refuse_self_waiters();
  const pool_lease* held_by(owner_id owner) const;
  size_t max_waiting() const noexcept;

  // -- sharing: pool_shared.cpp -----------------------------------------------------

  /// Of one connection: how many statements may be under way, and with how many bytes of
  /// texts and parameters.
  static constexpr size_t max_shared_depth = 32;
  static constexpr size_t max_shared_bytes = size_t{256} << 10;

  size_t max_shared() const noexcept;
  /// Never so many that none would be left to share, as far as there are others.
  size_t max_slow() const noexcept;
  request_lane lane_of(const pg_statement& statement, owner_id owner);
  /// Whether an unused connection may go to a request of that lane.
  bool admits(request_lane lane) const noexcept;
  /// A connection for a request, taken from the idle ones or shared; null if there is none.
  pool_slot* slot_for(const pool_request& r);
  bool takes(const pool_slot& s, const pool_request& r) const;
  /// The queue with the oldest request that an unused connection may go to, or null.
  request_list* next_queue();
  /// How many more connections those who wait could use.
  size_t wanted() const noexcept;
  void enter_lane(pool_slot& s, request_lane lane);
  void leave_lane(pool_slot& s);
  /// Sends what waits to share, as far as there is room.
  void feed(pool_slot& s);
  /// Looks at the first of what runs at `at`, unless somebody does before.
  void watch(pool_slot& s, time_point at);
  void on_watch(pool_slot& s);
  /// What runs takes long: the connection is no more one of those that are shared.
  void turn_slow(pool_slot& s);
  void cancel_head(pool_slot& s);

  // -- leases: pool_lease.cpp -------------------------------------------------------

  void grant_lease(pool_slot& s, request_list& from, request_ref r);
  /// @param problem why the request cannot be sent; empty if it can.
  void submit_operation(pg_lease name, request_ref r, caf::error problem = {});
  /// Answers a request that is not sent and leaves its mark where it would have run.
  void refuse_operation(pool_lease& lease, request_ref r, caf::error reason);
  void next_operation(pool_lease& lease);
  /// Refuses, answers without a round trip, or runs.
  void start_operation(pool_slot& s, request_list& from, request_ref r);
  /// What becomes of a request on a lease that is spoilt: true if it is to be sent.
  bool leave_spoilt(pool_slot& s, request_list& from, request_ref r);
  /// After a request that the server did not run to its end.
  static void spoil(pool_lease& lease, request_kind kind);
  /// Where the session stands, or stood before the transfer that is open.
  static transaction_status standing(const pool_slot& s);
  /// `begun` is how a transaction that is open now and was not before has begun.
  static void track_transaction(pool_slot& s, slot_transaction begun);
  void operation_done(pool_slot& s, caf::expected<pg_result> result);
  void end_lease(pool_lease& lease, request_list& releasing);
  void lose_lease(pool_slot& s, const caf::error& reason);
  void reclaim(pool_lease& lease, const caf::error& reason);
  void forget_lease(pool_lease& lease);
  static caf::error lost_lease(const pool_lease& lease);
  caf::error unknown_lease(pg_lease name) const;
  void on_leak(pool_lease& lease);
  pg_lease next_name();

  // -- streams and COPY: pool_transfer.cpp ------------------------------------------

  /// Whether a request on a lease is to be run, as far as transfers are concerned. If
  /// not, it was answered, or waits for the end of the transfer that it stops.
  bool admit(pool_slot& s, request_list& from, request_ref r);
  void run_transfer(pool_slot& s, const pool_request& r);
  void on_chunk(pool_slot& s, pg_chunk chunk);

  // -- statements and the way back: pool_cleanup.cpp --------------------------------

  void on_part(pool_slot& s, pg_result part);
  void on_result(pool_slot& s, caf::expected<pg_result> result);
  static void see_tag(pool_slot& s, const pg_result& result);
  void statement_done(pool_slot& s, caf::expected<pg_result> result);
  /// Notes how long the first of what runs took, and hands on to the next one.
  void head_done(pool_slot& s);
  /// After an answer to a statement without a lease.
  void go_on(pool_slot& s);
  /// True if the statement is run once more because of a stale plan.
  bool retry_stale_plan(pool_slot& s, const caf::error& reason);
  /// `in` is the transaction that the statement ran in.
  void check_role(pool_slot& s, const caf::error& reason, slot_transaction in);
  void on_cancel_settled(pool_slot& s);
  void on_lost(pool_slot& s, const caf::error& reason);
  void drop_broken(pool_slot& s, const caf::error& reason);
  /// Answers what was sent and will have no answer.
  void lose_running(pool_slot& s, const caf::error& reason);
  /// Answers what runs and quarantines the connection.
  void abandon(pool_slot& s, request_ref r, caf::error reason);
  /// Ends what runs or is open; nobody gets the connection before.
  void quarantine(pool_slot& s);
  void ask_for_cancel(pool_slot& s);
  /// Closes the connection if its quarantine takes too long.
  void limit_quarantine(pool_slot& s);
  void send_cancels();
  void settle(pool_slot& s);
  void give_back(pool_slot& s);
  void clean(pool_slot& s, std::string_view sql);
  void on_cleaned(pool_slot& s, const caf::expected<pg_result>& result);
  /// Hands a clean connection to the oldest waiter, or keeps or closes it.
  void offer(pool_slot& s);
  bool must_close(const pool_slot& s) const;
  void close(pool_slot& s);
  void bury();
  void bury_soon();

  // -- connecting, ageing, sizes: pool_connect.cpp ----------------------------------

  void pump();
  bool wants_connection() const;
  void connect_one();
  void on_connected(pool_slot& s);
  void on_connect_failed(pool_slot& s, const caf::error& reason);
  void on_expired(pool_slot& s);
  void arm_retry();
  void arm_reaper();
  void reap();
  void close_oldest_idle(pool_event why);
  void finish_drain();

  // -- numbers: pool_report.cpp -----------------------------------------------------

  /// Never more slots than this.
  size_t limit() const noexcept { return size_t{pool_size_} + max_overflow_; }
  size_t established() const noexcept { return slots_.size() - connecting_ - closing_.size(); }
  size_t max_cancels() const noexcept;
  size_t min_idle() const noexcept;
  uint32_t in_use() const noexcept;
  pg_holder holder_of(const pool_slot& s, time_point now) const;
  pg_holder holder_of(const pool_lease& lease, time_point now) const;
  pool_situation situation() const;
  void count(pool_event event, uint64_t times = 1) { events_[static_cast<size_t>(event)] += times; }
  void note(pool_event event, const connection* conn, const caf::error* reason = nullptr,
            const pg_holder* holder = nullptr);
  void count_error(const caf::error& reason);

  database_settings settings_;
  pool_options options_;
  uint32_t pool_size_;
  uint32_t max_overflow_;
  factory make_;
  timer_queue& timers_;
  pool_client& client_;
  pool_listener& listener_;
  std::minstd_rand random_;
  pool_connect_gate gate_;

  std::vector<std::unique_ptr<pool_slot>> slots_;
  /// A stack, so that what is not needed ages at the bottom.
  std::vector<pool_slot*> idle_;
  std::vector<pool_slot*> closing_;
  /// Those that run shared statements, none of which takes long.
  std::vector<pool_slot*> sharing_;
  /// How many run a slow one.
  size_t slow_ = 0;
  /// Abandoned statements whose cancel request has not been sent yet.
  std::deque<pool_slot*> cancels_due_;
  size_t cancels_in_flight_ = 0;
  size_t connecting_ = 0;

  request_list fresh_;
  /// By lane.
  std::array<request_list, 3> waiting_;
  request_list spare_;

  std::unordered_map<uint64_t, pool_lease> leases_;
  /// Leases without a connection that their owners have not released, bounded.
  std::deque<uint64_t> lost_leases_;
  uint64_t last_lease_ = 0;
  /// Reused by `refuse_self_waiters`.
  std::vector<owner_id> lease_owners_;

  /// Connections of an older generation are replaced.
  uint64_t generation_ = 0;
  time_point role_changed_ = time_point::min();
  /// Prepared statements of an older epoch are forgotten.
  uint64_t plan_epoch_ = 0;
  shared_texts texts_;

  timer_queue::timer_id retry_timer_;
  timer_queue::timer_id reap_timer_;
  timer_queue::timer_id bury_timer_;
  timer_queue::timer_id drain_timer_;

  time_point last_success_ = time_point::min();

  bool started_ = false;
  /// One connection is wanted, if nobody else has a use for it.
  bool wants_one_ = false;
  bool ever_connected_ = false;
  bool ever_failed_ = false;
  /// The last connect was refused for good.
  bool refused_ = false;
  bool draining_ = false;
  bool drained_ = false;
  std::string last_connect_error_;

  std::array<uint64_t, static_cast<size_t>(last_pool_event) + 1> events_{};
  std::array<uint64_t, static_cast<size_t>(last_errc) + 1> errors_{};
};

} // namespace dbs::postgres
