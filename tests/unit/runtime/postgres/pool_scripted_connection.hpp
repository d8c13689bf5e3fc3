// A connection whose server does what the test says.
//
// It keeps the rules of `connection_observer` (no callback from inside a call, a
// result before the loss) and checks those of `connection`: one statement at a
// time, no call on a lost connection, never more connections than allowed.
#pragma once

#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/postgres/connection.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace dbs::postgres::test {

class scripted_server;

class scripted_connection final : public connection {
public:
  scripted_connection(scripted_server& server, connection_observer& observer, int pid);
  ~scripted_connection() override;

  // -- the interface the pool uses ------------------------------------------------

  void connect() override {
    demand(!connecting && !open, "connect twice");
    connecting = true;
  }

  void execute(const pg_statement& statement) override { send(statement.sql); }

  void execute_batch(std::span<const pg_statement> statements) override {
    demand(!statements.empty(), "an empty batch");
    send("batch of " + std::to_string(statements.size()) + ": " + statements.front().sql);
    parts = statements.size();
    batch.clear();
    for (auto& x : statements)
      batch.push_back(x.sql);
  }

  /// Runs behind what is shared already: only the first one can be answered.
  void share(const pg_statement& statement) override {
    if (!running)
      return send(statement.sql);
    note(statement.sql);
    behind.push_back(statement.sql);
  }

  bool congested() const override { return is_congested; }

  void command(std::string_view sql) override { send(std::string{sql}); }

  void start_transfer(pg_transfer_action kind, const pg_statement& statement,
                      pg_chunk_size) override {
    send(to_string(kind) + ": " + statement.sql);
    transfer = true;
  }

  void next_chunk() override { step("next"); }

  void write_copy(std::string_view data) override { step("write " + std::string{data}); }

  void finish_copy() override { step("finish"); }

  void discard() override {
    demand(transfer, "discard without a transfer");
    transfer = false;
    log.emplace_back("discard");
    running = "discard";
  }

  void cancel() override {
    demand(running.has_value(), "cancel while nothing runs");
    demand(!cancelling, "cancel twice");
    cancelling = true;
  }

  transaction_status status() const override {
    auto busy = open && (running || transfer);
    return busy ? transaction_status::active : session;
  }

  bool dirty() const override { return is_dirty; }

  void mark_clean() override { is_dirty = false; }

  void forget_statements() override { ++forgotten; }

  int backend_pid() const override { return pid_; }

  std::string endpoint() const override { return "scripted:5432"; }

  // -- what the script does -------------------------------------------------------

  void accept() {
    demand(std::exchange(connecting, false), "accept without connect");
    open = true;
    observer_.on_connected(*this);
  }

  void refuse(caf::error reason) {
    demand(std::exchange(connecting, false), "refuse without connect");
    observer_.on_connect_failed(*this, std::move(reason));
  }

  /// The result of a batch's next statement arrives.
  void part() {
    demand(running.has_value() && parts > 0, "a part that nobody asked for");
    --parts;
    observer_.on_part(*this, *tagged("SELECT 1"));
  }

  /// A channel that the session listens to was notified.
  void notify(std::string_view channel, std::string_view payload) {
    demand(open, "a notification on a connection that is not open");
    observer_.on_notification(*this, channel, payload, 77);
  }

  /// A step of a transfer succeeds.
  void chunk(bool last = false) {
    demand(transfer, "a chunk without a transfer");
    take();
    transfer = !last;
    observer_.on_chunk(*this, {{}, {}, last});
  }

  /// The running statement succeeds, with the effect its text suggests; a transfer
  /// goes on until it is finished.
  void succeed() {
    if (transfer)
      return chunk(running == "finish");
    while (parts > 0)
      part();
    auto sql = take();
    std::string_view tag = "SELECT 1";
    auto begins_with = [&sql](std::string_view x) { return sql.starts_with(x); };
    if (begins_with("BEGIN")) {
      session = transaction_status::in_transaction;
    } else if (begins_with("COMMIT") || sql == "ROLLBACK") {
      if (session == transaction_status::failed)
        tag = "ROLLBACK";
      session = transaction_status::idle;
    }
    if (begins_with("ROLLBACK TO"))
      session = transaction_status::in_transaction;
    if (begins_with("PREPARE"))
      tag = "PREPARE";
    if (begins_with("SET") || begins_with("LISTEN") || begins_with("PREPARE"))
      is_dirty = true;
    observer_.on_result(*this, tagged(tag));
  }

  void fail_with(caf::error reason) {
    parts = 0;
    transfer = false;
    take();
    if (session == transaction_status::in_transaction)
      session = transaction_status::failed;
    observer_.on_result(*this, std::move(reason));
  }

  /// The connection itself refuses the statement, which the server does not see.
  void refuse_running(caf::error reason) {
    take();
    observer_.on_result(*this, std::move(reason));
  }

  /// The server reports an error and closes the connection right behind it.
  void fail_and_close(caf::error reason) {
    demand(std::exchange(open, false), "kill twice");
    take();
    session = transaction_status::unknown;
    auto alive = alive_;
    observer_.on_result(*this, std::move(reason));
    if (*alive)
      lose(fail(errc::in_doubt, "the answer is missing"));
  }

  void settle_cancel() {
    demand(std::exchange(cancelling, false), "settle without cancel");
    observer_.on_cancel_settled(*this);
  }

  /// The server goes away.
  void kill(bool statement_was_sent = true) {
    demand(open, "kill twice");
    open = false;
    session = transaction_status::unknown;
    lose(statement_was_sent ? fail(errc::in_doubt, "the answer is missing") : lost());
  }

  static void demand(bool holds, const char* what) {
    if (!holds)
      throw std::logic_error(what);
  }

  bool connecting = false;
  bool open = false;
  bool cancelling = false;
  bool is_dirty = false;
  bool is_congested = false;
  int forgotten = 0;
  /// A transfer is open.
  bool transfer = false;
  transaction_status session = transaction_status::idle;
  /// The statement whose result is owed.
  std::optional<std::string> running;
  /// What was shared behind it.
  std::deque<std::string> behind;
  /// The statements of the last batch.
  std::vector<std::string> batch;
  /// Results of the running batch that have not arrived.
  size_t parts = 0;
  /// All statements and commands so far.
  std::vector<std::string> log;

private:
  void note(const std::string& sql);
  void send(std::string sql);

  void step(std::string what) {
    demand(transfer, "a step without a transfer");
    transfer = false;
    send(std::move(what));
    transfer = true;
  }

  static caf::error lost() { return fail(errc::connection_lost, "server closed the connection"); }

  /// Answers what is owed, and reports the loss, as long as the connection lives.
  void lose(const caf::error& reason) {
    auto& observer = observer_;
    auto alive = alive_;
    while (*alive && running) {
      take();
      observer.on_result(*this, reason);
    }
    if (*alive)
      observer.on_lost(*this, lost());
  }

  static caf::expected<pg_result> tagged(std::string_view tag) {
    return pg_result::build(
        0, 0, [](size_t) { return pg_column{}; },
        [](size_t, size_t) { return std::optional<std::string_view>{}; }, tag, 0);
  }

  std::string take() {
    demand(running.has_value(), "a result that nobody asked for");
    auto sql = *std::exchange(running, std::nullopt);
    if (!behind.empty()) {
      running = std::move(behind.front());
      behind.pop_front();
    }
    return sql;
  }

  scripted_server& server_;
  connection_observer& observer_;
  int pid_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

class scripted_server {
public:
  /// In the order of opening.
  std::vector<scripted_connection*> connections;
  /// How many have been opened, and how many there were at most.
  int opened = 0;
  size_t most = 0;
  /// What a server does by itself in `step`.
  bool accepts = true;
  bool answers = true;
  bool settles_cancels = true;
  std::optional<caf::error> refusal;
  /// Sees each statement and command when it is sent.
  std::function<void(scripted_connection&, const std::string&)> on_send;

  connection_ptr make(connection_observer& observer) {
    auto result = std::make_unique<scripted_connection>(*this, observer, ++opened);
    connections.push_back(result.get());
    most = std::max(most, connections.size());
    return result;
  }

  scripted_connection& with_pid(int pid) {
    for (auto* x : connections)
      if (x->backend_pid() == pid)
        return *x;
    throw std::logic_error("no connection with pid " + std::to_string(pid));
  }

  /// The connection that runs exactly this.
  scripted_connection& running(std::string_view sql) {
    for (auto* x : connections)
      if (x->running == sql)
        return *x;
    throw std::logic_error("nothing runs " + std::string{sql});
  }

  size_t connecting() const {
    return static_cast<size_t>(std::count_if(connections.begin(), connections.end(),
                                             [](auto* x) { return x->connecting; }));
  }

  /// Does one thing that is owed; false if nothing is.
  bool step() {
    for (auto* x : connections) {
      if (x->connecting && refusal) {
        x->refuse(*refusal);
        return true;
      }
      if (x->connecting && accepts) {
        x->accept();
        return true;
      }
      if (x->running && answers) {
        x->succeed();
        return true;
      }
      if (x->cancelling && settles_cancels) {
        x->settle_cancel();
        return true;
      }
    }
    return false;
  }
};

inline scripted_connection::scripted_connection(scripted_server& server,
                                                connection_observer& observer, int pid)
    : server_(server), observer_(observer), pid_(pid) {}

inline void scripted_connection::note(const std::string& sql) {
  demand(open, "a statement on a connection that is not open");
  demand(!cancelling, "a statement while a cancel may still hit it");
  if (server_.on_send)
    server_.on_send(*this, sql);
  log.push_back(sql);
  if (log.size() > 64)
    log.erase(log.begin(), log.begin() + 32);
}

inline void scripted_connection::send(std::string sql) {
  demand(!running && !transfer, "a statement while another one runs");
  note(sql);
  running = std::move(sql);
}

inline scripted_connection::~scripted_connection() {
  *alive_ = false;
  std::erase(server_.connections, this);
}

} // namespace dbs::postgres::test
