// The public interface of the PostgreSQL pool.
#pragma once

#include "dbs/messages/blob.hpp"
#include "dbs/messages/call_context.hpp"
#include "dbs/messages/field.hpp"
#include "dbs/messages/latency_summary.hpp"
#include "dbs/messages/postgres/params.hpp"
#include "dbs/messages/postgres/result.hpp"

#include <caf/result.hpp>
#include <caf/timespan.hpp>
#include <caf/typed_actor.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace dbs {

// -- requests --------------------------------------------------------------------

/// One SQL statement with its parameters `$1`, `$2`, ...
struct pg_statement {
  std::string sql;
  pg_params params;
  /// False sends the statement unprepared: for DDL and one-off statements.
  bool prepare = true;
  /// True asks for the result in binary; rows are read the same way. Parameters travel
  /// as text regardless.
  bool binary = false;
  /// Lets other callers' statements run on the same connection behind this one before it
  /// is answered; see `shared`. Means nothing on a lease.
  bool share = false;
};

template <class Inspector>
bool inspect(Inspector& f, pg_statement& x) {
  return f.object(x).fields(f.field("sql", x.sql), f.field("params", x.params),
                            f.field("prepare", x.prepare), f.field("binary", x.binary),
                            f.field("share", x.share));
}

/// Asks for a connection of one's own. The lease belongs to the actor that asks:
/// when it dies, the pool rolls back and takes the connection back.
struct pg_checkout {
  /// Lets an owner that holds a lease already wait for another one even if the
  /// pool might deadlock that way.
  bool allow_nested = false;
};

template <class Inspector>
bool inspect(Inspector& f, pg_checkout& x) {
  return f.object(x).fields(f.field("allow_nested", x.allow_nested));
}

/// Names a lease. The id is unique over all incarnations of the pool.
struct pg_lease {
  uint64_t id = 0;

  friend bool operator==(const pg_lease&, const pg_lease&) = default;
};

template <class Inspector>
bool inspect(Inspector& f, pg_lease& x) {
  return f.object(x).fields(f.field("id", x.id));
}

struct pg_lease_statement {
  pg_lease lease;
  pg_statement statement;
};

template <class Inspector>
bool inspect(Inspector& f, pg_lease_statement& x) {
  return f.object(x).fields(f.field("lease", x.lease), f.field("statement", x.statement));
}

/// A statement from its text and its parameters; see `make_params`.
template <class... Ts>
pg_statement make_statement(std::string sql, const Ts&... params) {
  return {std::move(sql), make_params(params...)};
}

/// The same statement with its result in binary: less to transfer and to convert where
/// there are many numbers, times or bytes. A type that has no binary format at the
/// server is an error of the statement's.
inline pg_statement in_binary(pg_statement statement) {
  statement.binary = true;
  return statement;
}

/// The same statement, willing to share a connection: sent at once behind the statements
/// of other callers, answered in turn, and a transaction of its own as ever. It may meet
/// the delay of who is before it. What is not SELECT, VALUES, TABLE, WITH, INSERT, UPDATE,
/// DELETE or MERGE, or needs its session, has a connection to itself nonetheless; who
/// asks for this vouches for the functions that are called: they must leave nothing in
/// the session.
inline pg_statement shared(pg_statement statement) {
  statement.share = true;
  return statement;
}

/// Statements that a lease runs in order, sent without waiting for one another's
/// results. Each may take what it wants of `pg_params`, but not control the
/// transaction: BEGIN, COMMIT and their like are refused.
///
/// All or nothing: outside a transaction the batch is one of its own, inside one a
/// statement that fails leaves it failed. Either way the statements behind it are not
/// run, and the error's field `statement` is its index, from 0.
struct pg_batch {
  /// The most statements in one batch.
  static constexpr size_t max_statements = 10'000;

  /// The most bytes of texts and parameters together.
  static constexpr size_t max_bytes = size_t{64} << 20;

  pg_lease lease;
  std::vector<pg_statement> statements;
};

template <class Inspector>
bool inspect(Inspector& f, pg_batch& x) {
  return f.object(x).fields(f.field("lease", x.lease), f.field("statements", x.statements));
}

enum class pg_isolation : uint8_t {
  /// Whatever the server's default_transaction_isolation says.
  server_default,
  read_committed,
  repeatable_read,
  serializable,
};

std::string to_string(pg_isolation x);
bool from_string(caf::string_view in, pg_isolation& out);
bool from_integer(uint8_t in, pg_isolation& out);

template <class Inspector>
bool inspect(Inspector& f, pg_isolation& x) {
  return caf::default_enum_inspect(f, x);
}

/// Begins a transaction on a lease.
struct pg_transaction {
  pg_lease lease;
  pg_isolation isolation = pg_isolation::server_default;
  bool read_only = false;
  /// Only meaningful for serializable, read-only transactions.
  bool deferrable = false;
};

template <class Inspector>
bool inspect(Inspector& f, pg_transaction& x) {
  return f.object(x).fields(f.field("lease", x.lease), f.field("isolation", x.isolation),
                            f.field("read_only", x.read_only), f.field("deferrable", x.deferrable));
}

enum class pg_savepoint_action : uint8_t { set, rollback_to, release };

std::string to_string(pg_savepoint_action x);
bool from_string(caf::string_view in, pg_savepoint_action& out);
bool from_integer(uint8_t in, pg_savepoint_action& out);

template <class Inspector>
bool inspect(Inspector& f, pg_savepoint_action& x) {
  return caf::default_enum_inspect(f, x);
}

/// Sets, rolls back to or releases a savepoint. The name is quoted by the pool.
struct pg_savepoint {
  pg_lease lease;
  pg_savepoint_action action = pg_savepoint_action::set;
  std::string name;
};

template <class Inspector>
bool inspect(Inspector& f, pg_savepoint& x) {
  return f.object(x).fields(f.field("lease", x.lease), f.field("action", x.action),
                            f.field("name", x.name));
}

/// A step of what does not fit into one answer: a stream of rows, or a COPY.
enum class pg_transfer_action : uint8_t {
  /// Runs a statement whose rows come in chunks; answered with the first.
  stream,
  /// Runs COPY ... TO STDOUT; answered with the first chunk of its data.
  copy_out,
  /// Runs COPY ... FROM STDIN; answered, with an empty chunk, when the server waits for
  /// data.
  copy_in,
  /// Asks for the next chunk of a stream or of COPY ... TO STDOUT.
  next,
  /// Sends data to COPY ... FROM STDIN; answered, with an empty chunk, when the
  /// operating system has taken all of it.
  write,
  /// Ends COPY ... FROM STDIN: from here on, and not before, the rows may be in the
  /// table. Answered with the last chunk.
  finish,
  /// Ends whatever is open, undone if it was a COPY ... FROM STDIN; fails the
  /// transaction if there is one. Answered, with an empty last chunk, when the
  /// connection is ready for something else; at once if nothing is open.
  stop,
};

std::string to_string(pg_transfer_action x);
bool from_string(caf::string_view in, pg_transfer_action& out);
bool from_integer(uint8_t in, pg_transfer_action& out);

template <class Inspector>
bool inspect(Inspector& f, pg_transfer_action& x) {
  return caf::default_enum_inspect(f, x);
}

/// A chunk ends with the row that reaches one of the limits, each at least 1. Rows do
/// not count in a COPY.
struct pg_chunk_size {
  /// The most that may be asked for.
  static constexpr uint32_t max_bytes = uint32_t{32} << 20;

  uint32_t rows = 1000;
  uint32_t bytes = uint32_t{256} << 10;
};

template <class Inspector>
bool inspect(Inspector& f, pg_chunk_size& x) {
  return f.object(x).fields(f.field("rows", x.rows), f.field("bytes", x.bytes));
}

/// One step of a transfer on a lease. From `stream`, `copy_out` or `copy_in` to the
/// last chunk or an error the lease takes nothing but the steps that fit, release, and
/// ROLLBACK, which stops the transfer first. One chunk is read ahead; what is beyond it
/// waits in the sockets and at the server.
struct pg_transfer {
  /// The most bytes of one `write`.
  static constexpr size_t max_write = size_t{8} << 20;

  pg_lease lease;
  pg_transfer_action action = pg_transfer_action::next;
  /// Of `stream`, `copy_out` and `copy_in`; never prepared.
  pg_statement statement;
  /// Of the chunks of `stream` and `copy_out`.
  pg_chunk_size chunks;
  /// Of `write`, cut anywhere.
  blob data;
};

template <class Inspector>
bool inspect(Inspector& f, pg_transfer& x) {
  return f.object(x).fields(f.field("lease", x.lease), f.field("action", x.action),
                            f.field("statement", x.statement), f.field("chunks", x.chunks),
                            f.field("data", x.data));
}

/// A part of what a transfer brings.
struct pg_chunk {
  /// Of a stream. The last one has the command's tag and the number of affected rows,
  /// also in a COPY.
  pg_result rows;
  /// Of COPY ... TO STDOUT: whole rows.
  blob data;
  /// The transfer is over.
  bool last = false;
};

template <class Inspector>
bool inspect(Inspector& f, pg_chunk& x) {
  return f.object(x).fields(f.field("rows", x.rows), f.field("data", x.data),
                            f.field("last", x.last));
}

// -- reports ---------------------------------------------------------------------

/// A snapshot of the pool.
struct pool_stats {
  /// The configured size and overflow.
  uint32_t pool_size = 0;
  uint32_t max_overflow = 0;
  /// Connections that work for somebody: leases and running statements.
  uint32_t active_connections = 0;
  uint32_t idle = 0;
  /// Connects in flight, and connections that are cancelled, cleaned up or closed.
  uint32_t connecting = 0;
  uint32_t quarantined = 0;
  /// Connections beyond the size, as SQLAlchemy counts them: never negative.
  uint32_t overflow = 0;
  /// active_connections / (pool_size + max_overflow).
  double utilization = 0;
  uint32_t waiting = 0;
  uint32_t max_waiting = 0;
  uint32_t leases = 0;
  /// Leases held for longer than the leak threshold.
  uint32_t leaks = 0;
  /// Connections that several callers' statements may run on, and these statements.
  uint32_t shared_connections = 0;
  uint32_t shared_statements = 0;
  /// Of the last one to two minutes.
  latency_summary acquire;
  latency_summary query;
  latency_summary hold;
  /// Counters since the start, such as {"statements", 17} or {"acquire_timeouts", 2}.
  std::vector<field> counters;
  /// Why the last connect failed; empty if the last one succeeded.
  std::string last_connect_error;
};

template <class Inspector>
bool inspect(Inspector& f, pool_stats& x) {
  return f.object(x).fields(
      f.field("pool_size", x.pool_size), f.field("max_overflow", x.max_overflow),
      f.field("active_connections", x.active_connections), f.field("idle", x.idle),
      f.field("connecting", x.connecting), f.field("quarantined", x.quarantined),
      f.field("overflow", x.overflow), f.field("utilization", x.utilization),
      f.field("waiting", x.waiting), f.field("max_waiting", x.max_waiting),
      f.field("leases", x.leases), f.field("leaks", x.leaks), f.field("acquire", x.acquire),
      f.field("query", x.query), f.field("hold", x.hold), f.field("counters", x.counters),
      f.field("last_connect_error", x.last_connect_error),
      f.field("shared_connections", x.shared_connections),
      f.field("shared_statements", x.shared_statements));
}

/// Who holds a connection: the leak finder's row.
struct pg_holder {
  pg_lease lease;
  /// The owner's CAF actor id and name.
  uint64_t owner = 0;
  std::string owner_name;
  caf::timespan age{0};
  /// True beyond the leak threshold.
  bool leaking = false;
  bool in_transaction = false;
  /// The last statement, cut after 200 characters; neither parameters nor the
  /// content of literals are ever shown.
  std::string statement;
};

template <class Inspector>
bool inspect(Inspector& f, pg_holder& x) {
  return f.object(x).fields(
      f.field("lease", x.lease), f.field("owner", x.owner), f.field("owner_name", x.owner_name),
      f.field("age", x.age), f.field("leaking", x.leaking),
      f.field("in_transaction", x.in_transaction), f.field("statement", x.statement));
}

// -- the interface ---------------------------------------------------------------

/// - `execute` runs one statement outside a transaction on any connection, or one
///   statement or a batch on a lease.
/// - `checkout` hands out a lease, in the order of asking.
/// - `begin`, `commit`, `rollback`, `savepoint` drive the lease's transaction.
/// - `transfer` moves the rows of a stream or the data of a COPY, chunk by chunk.
/// - `release` gives a lease back: what is open is rolled back. Releasing twice is
///   harmless; anything else on a released lease is `invalid_argument`.
/// - `report` and `holders` say where the pool stands.
///
/// Errors: `pool_exhausted`, `overloaded`, `deadline_exceeded`, `connection_lost`,
/// `in_doubt`, `query_failed`, `invalid_argument`, `draining`, `restarted`.
using postgres_pool_actor =
    caf::typed_actor<caf::result<pg_result>(execute_atom, call_context, pg_statement),
                     caf::result<pg_result>(execute_atom, call_context, pg_lease_statement),
                     caf::result<std::vector<pg_result>>(execute_atom, call_context, pg_batch),
                     caf::result<pg_lease>(checkout_atom, call_context, pg_checkout),
                     caf::result<void>(release_atom, call_context, pg_lease),
                     caf::result<void>(begin_atom, call_context, pg_transaction),
                     caf::result<void>(commit_atom, call_context, pg_lease),
                     caf::result<void>(rollback_atom, call_context, pg_lease),
                     caf::result<void>(savepoint_atom, call_context, pg_savepoint),
                     caf::result<pg_chunk>(transfer_atom, call_context, pg_transfer),
                     caf::result<pool_stats>(report_atom, call_context),
                     caf::result<std::vector<pg_holder>>(holders_atom, call_context)>;

} // namespace dbs
