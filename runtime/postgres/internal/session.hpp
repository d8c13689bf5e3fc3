// The machine behind libpq_connection.hpp.
#pragma once

#include "dbs/config/settings.hpp"
#include "dbs/runtime/postgres/connection.hpp"
#include "dbs/runtime/postgres/connection_environment.hpp"
#include "dbs/runtime/postgres/internal/connector.hpp"
#include "dbs/runtime/postgres/internal/pq_handles.hpp"
#include "dbs/runtime/postgres/internal/pq_socket.hpp"
#include "dbs/runtime/postgres/internal/row_gatherer.hpp"
#include "dbs/runtime/postgres/internal/statement_cache.hpp"

#include <caf/error.hpp>
#include <caf/expected.hpp>

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dbs::postgres::internal {

/// Shared with the completions that are under way, so that they find it closed
/// instead of gone. All calls to the observer are made as the last thing before a
/// check of `closed_`, since any of them may destroy the connection.
class session final : public std::enable_shared_from_this<session>, private socket_watcher {
public:
  session(connection_environment& env, const database_settings& settings,
          connection_observer& observer, connection& handle);

  // -- what connection.hpp says ----------------------------------------------------

  void connect();
  void execute(const pg_statement& statement);
  void execute_batch(std::span<const pg_statement> statements);
  void share(const pg_statement& statement);
  void command(std::string_view sql);
  void start_transfer(pg_transfer_action kind, const pg_statement& statement, pg_chunk_size chunks);
  void next_chunk();
  void write_copy(std::string_view data);
  void finish_copy();
  void discard();
  void cancel();
  transaction_status status() const;
  bool congested() const noexcept { return unsent_; }
  bool dirty() const noexcept { return dirty_; }
  void mark_clean() noexcept { dirty_ = false; }
  void forget_statements();
  int backend_pid() const noexcept { return backend_pid_; }
  std::string endpoint() const;

  /// The connection is being destroyed.
  void close();

private:
  /// What the server does next. In pipeline mode libpq ends the results of each step
  /// with a null, and a sync with nothing.
  enum class step : uint8_t {
    /// Nothing is running.
    none,
    /// DEALLOCATE of an evicted statement.
    discard,
    /// Parse of a statement that is new.
    prepare,
    execute,
    sync,
  };

  struct planned {
    step what = step::none;
    /// Its index in the batch.
    size_t statement = 0;
    /// Of the prepared statement; empty if there is none.
    std::string name;
    /// With it comes the answer.
    bool last = false;
  };

  /// Whose turn it is to send data.
  enum class copying : uint8_t { nobody, server, client };

  struct transfer_state {
    /// None, unless what runs is a transfer.
    std::optional<pg_transfer_action> kind;
    pg_chunk_size chunks;
    copying turn = copying::nobody;
    /// A write is answered as soon as all of it is sent.
    bool writing = false;
    /// The server was told that the data is complete.
    bool finished = false;
    /// Nobody wants to have what comes.
    bool discarding = false;
    /// The next chunk so far.
    row_gatherer rows;
    std::string data;

    bool chunk_complete() const noexcept {
      return kind && kind != pg_transfer_action::copy_in &&
             (rows.rows() >= chunks.rows || rows.bytes() >= chunks.bytes ||
              data.size() >= chunks.bytes);
    }
  };

  // -- connecting ------------------------------------------------------------------

  void on_connected(connector::session established);

  // -- cancelling ------------------------------------------------------------------

  /// False if there is nobody to send it to, or nobody to send it.
  bool send_cancel(std::function<void()> settled);

  // -- sending ---------------------------------------------------------------------

  /// False if the connection cannot take a statement; the answer is under way then.
  bool begin(bool own_command);
  void send_cached(statement_cache::entry& entry, const pg_statement& statement);
  void send_plain(const pg_statement& statement);
  /// Why a statement cannot be sent; empty if it can.
  static caf::error check(const pg_statement& statement);
  /// Whether a statement that is not in the cache is to be prepared, if no transaction is
  /// open.
  bool may_prepare(const pg_statement& statement) const;
  /// The same for where the session stands.
  bool worth_preparing(const pg_statement& statement) const;
  bool being_prepared(std::string_view sql) const;
  /// The functions that add to a pipeline are false if libpq has refused.
  bool open_pipeline();
  /// Adds a DEALLOCATE for some of the evicted statements.
  bool add_discards();
  bool add_prepare(const pg_statement& statement, size_t index);
  bool add_execute(const pg_statement& statement, size_t index, std::string name);
  bool add_sync();
  /// What libpq wants to have of the parameters. Valid until the next call.
  const char* const* values_of(const pg_params& params);
  /// To be called with what libpq's functions for sending returned.
  void sent(bool accepted);
  /// Writes what libpq has buffered, now or when the socket lets us. False if the
  /// connection is broken.
  bool flush();
  /// Goes on with what `flush` has left.
  void write_on();
  void answer_later(caf::error reason);

  // -- receiving -------------------------------------------------------------------

  void on_readable() override;
  void on_writable() override;
  void proceed();
  void await_input();
  /// Takes all results that have arrived. False if the connection is unusable.
  bool collect();
  bool take(pq_answer got);
  bool take_result(pq_answer got);
  bool take_error(const PGresult& got);
  /// Nothing is read until the next step of the transfer: the chunk for it is complete,
  /// or its end is known.
  bool waits_for_step() const noexcept {
    return transfer_.kind && owed_ == 0 &&
           (transfer_.chunk_complete() || last_ != nullptr || error_);
  }
  /// The server begins a COPY.
  bool take_copy(ExecStatusType direction);
  /// False if there is nothing more yet.
  bool take_copy_data();
  void end_copy(const char* failure);
  void give_chunk();
  void answer_chunk(pg_chunk chunk);
  void proceed_later();
  /// The name of a statement of ours that an error says is gone or taken.
  const std::string* lost_statement(const error_detail& error) const;
  step current() const noexcept { return running() ? plan_.front().what : step::none; }
  bool running() const noexcept { return !plan_.empty(); }
  /// The first step of the plan is done. True if all is there for an answer.
  bool end_step();
  void forget_plan();
  void complete();
  /// Handles what came without being asked for; the owner hears of notifications.
  void watch_idle();
  static void on_notice(void* self, const PGresult* notice);

  // -- ending ----------------------------------------------------------------------

  /// Notes that the connection cannot go on, with libpq's reason unless the server
  /// gave one. From here on statements are refused.
  void break_off();
  /// Answers what is owed and reports the loss.
  void lose();
  void lose_later();
  void answer(caf::expected<pg_result> result);
  void release();

  connection_environment& env_;
  database_settings settings_;
  connection_observer& observer_;
  connection& handle_;

  std::shared_ptr<connector> connector_;
  pq_conn conn_;
  pq_socket socket_;
  host_port server_;
  int backend_pid_ = 0;
  /// libpq has data that the socket did not take.
  bool unsent_ = false;
  bool dirty_ = false;
  bool lost_ = false;
  bool closed_ = false;

  statement_cache cache_;
  /// Reused for every statement.
  std::vector<const char*> values_;

  /// What is running, the next step first.
  std::deque<planned> plan_;
  /// How many answers are owed: more than one only of statements that share.
  size_t owed_ = 0;
  /// Of how many of these, the first ones, something may have reached the server.
  size_t sent_ = 0;
  /// A command of ours: not classified.
  bool own_command_ = false;
  bool batch_ = false;
  transfer_state transfer_;
  /// What the steps `prepare` put into the cache, in their order.
  std::deque<statement_cache::entry> preparing_;
  /// The statement, unless it is one of a batch.
  statement_cache::entry* cached_ = nullptr;
  pq_answer last_;
  caf::error error_;
  bool drops_statements_ = false;

  /// Why the session is about to end. Set, it accepts no statement.
  std::optional<error_detail> farewell_;
  bool cancelling_ = false;
};

} // namespace dbs::postgres::internal
