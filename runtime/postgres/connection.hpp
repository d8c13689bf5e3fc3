// One connection to a PostgreSQL server, as the pool sees it.
//
// The pool's logic works against this interface, so that its tests can script
// what a server does; `libpq_connection.hpp` is the real one.
#pragma once

#include "dbs/messages/postgres/pool.hpp"

#include <caf/error.hpp>
#include <caf/expected.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace dbs::postgres {

class connection;

/// What a connection tells its owner. Every call comes on the loop's thread, and
/// never from inside a call to the connection.
class connection_observer {
public:
  virtual ~connection_observer() = default;

  /// Answers `connect`, once.
  virtual void on_connected(connection& conn) = 0;
  virtual void on_connect_failed(connection& conn, caf::error reason) = 0;

  /// One result of a batch, in the order of its statements.
  virtual void on_part(connection& conn, pg_result part) = 0;

  /// Answers `execute`, `execute_batch`, `share` and `command`, once each; of a batch that has
  /// succeeded the result is empty. When the connection breaks while
  /// a statement runs, the error is `connection_lost` if not a byte of it was
  /// sent, or a COPY from here was not finished, and `in_doubt` otherwise, and
  /// `on_lost` follows.
  virtual void on_result(connection& conn, caf::expected<pg_result> result) = 0;

  /// Answers a step of a transfer that has succeeded. With the last chunk the transfer
  /// is over, as it is after `on_result` in place of this.
  virtual void on_chunk(connection& conn, pg_chunk chunk) = 0;

  /// Answers `cancel`, once, when the cancel request can no longer hit anything:
  /// the server has closed the socket it came on (or never got it). Comes before
  /// or after the `on_result` of the statement that was cancelled.
  virtual void on_cancel_settled(connection& conn) = 0;

  /// The session has listened to the channel, and somebody has notified it. Comes in the
  /// order of the server; while a statement runs, right before its `on_result`. The texts
  /// are valid during the call only.
  virtual void on_notification(connection& conn, std::string_view channel, std::string_view payload,
                               int backend_pid);

  /// The connection broke or the server closed it. Comes once, after the
  /// `on_result` it owed; afterwards the connection can only be destroyed.
  virtual void on_lost(connection& conn, caf::error reason) = 0;
};

/// `unknown` once the connection has broken: `on_lost` is about to come.
enum class transaction_status : uint8_t { idle, active, in_transaction, failed, unknown };

class connection {
public:
  virtual ~connection() = default;

  /// Starts to connect, trying the hosts in order, each within the connect
  /// timeout of the settings.
  virtual void connect() = 0;

  /// Runs one statement. There must be none running.
  virtual void execute(const pg_statement& statement) = 0;

  /// Runs statements in order, in one round trip: sent behind one another, with one
  /// sync at the end. There must be at least one. The error of the one that failed has
  /// its index in the field `statement`; those behind it were not run.
  virtual void execute_batch(std::span<const pg_statement> statements) = 0;

  /// Runs one statement behind those that were shared before, without waiting for their
  /// answers. Each has a sync of its own: what becomes of one is nothing to the others.
  /// The answers come in the order of the statements. When the connection breaks, each of
  /// them is answered as `on_result` says. Nothing but what is shared may be running, and
  /// no transaction may be open.
  virtual void share(const pg_statement& statement) = 0;

  /// True while the socket has not taken all that is to be sent. Who shares a statement
  /// then, cannot have it back when the connection breaks.
  virtual bool congested() const = 0;

  /// Runs a parameterless command of ours, such as "BEGIN" or a reset, unprepared.
  virtual void command(std::string_view sql) = 0;

  // -- transfers: each step is answered by `on_chunk`, or `on_result` if it has failed

  /// Begins a transfer: `stream`, `copy_out` or `copy_in`. There must be no statement
  /// running.
  virtual void start_transfer(pg_transfer_action kind, const pg_statement& statement,
                              pg_chunk_size chunks) = 0;

  /// Asks for the next chunk of a stream or COPY. Before, one is read ahead, and what
  /// the server has beyond it waits in the sockets.
  virtual void next_chunk() = 0;

  /// Sends data to a COPY from here; answered when nothing of it is left to write.
  virtual void write_copy(std::string_view data) = 0;

  /// Ends a COPY from here.
  virtual void finish_copy() = 0;

  /// Brings a transfer to its end, drops what comes until then, and undoes a COPY from
  /// here that was not finished. May be called while a step is unanswered. The answer
  /// to both is one `on_result`, which means nothing unless it says that the connection
  /// broke. To be called together with `cancel`, else all rows are read.
  virtual void discard() = 0;

  /// Asks the server to cancel the running statement.
  virtual void cancel() = 0;

  /// Where the session stands, as far as the last answer told.
  virtual transaction_status status() const = 0;

  /// True if a statement may have left something in the session that the next
  /// user would see: SET, LISTEN, advisory locks, temporary tables, cursors.
  virtual bool dirty() const = 0;

  /// To be called when a reset has succeeded.
  virtual void mark_clean() = 0;

  /// Forgets the prepared statements of this connection: their plans may be
  /// invalid. They are prepared again when they are used next.
  virtual void forget_statements() = 0;

  /// The server process serving this connection; 0 before it is known.
  virtual int backend_pid() const = 0;

  /// "127.0.0.1:5432", or a socket path.
  virtual std::string endpoint() const = 0;
};

/// True if the error says that a cached plan no longer fits the schema, so that
/// the same statement may succeed once prepared anew. All connections have prepared
/// against that schema.
bool is_stale_plan(const caf::error& err);

/// True if a statement that the connection had prepared is gone, or its name is
/// taken, so that the same statement may succeed once prepared anew on that
/// connection. The error has the field `lost_statement`.
bool is_lost_statement(const caf::error& err);

using connection_ptr = std::unique_ptr<connection>;

} // namespace dbs::postgres
