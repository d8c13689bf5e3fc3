// A connection of one's own: transactions for actors.
#pragma once

#include "dbs/actors/client/call_options.hpp"
#include "dbs/actors/client/pending_request.hpp"
#include "dbs/messages/postgres/pool.hpp"
#include "dbs/messages/postgres/types.hpp"
#include "dbs/runtime/caf/mail.hpp"

#include <string>
#include <utility>
#include <vector>

namespace dbs {

/// Options of a transaction; see `pg_transaction`.
struct transaction_options {
  pg_isolation isolation = pg_isolation::server_default;
  bool read_only = false;
  bool deferrable = false;
};

/// Holds a lease and gives it back when it is destroyed: whatever is open is then
/// rolled back, never committed. Move-only; keep it in the actor's state, or in the
/// captures of the last handler that needs it.
///
/// Calls may be issued without waiting for the one before: the pool runs them in
/// order, and after a failure in a transaction the rest fails as PostgreSQL says.
class pg_session {
public:
  pg_session() = default;

  pg_session(postgres_pool_actor pool, pg_lease lease, call_options options)
      : pool_(std::move(pool)), lease_(lease), options_(options) {}

  pg_session(pg_session&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)), lease_(other.lease_), options_(other.options_) {
  }

  pg_session& operator=(pg_session&& other) noexcept {
    if (this != &other) {
      release();
      pool_ = std::exchange(other.pool_, nullptr);
      lease_ = other.lease_;
      options_ = other.options_;
    }
    return *this;
  }

  ~pg_session() { release(); }

  pg_lease lease() const noexcept { return lease_; }

  explicit operator bool() const noexcept { return static_cast<bool>(pool_); }

  template <class Self>
  auto begin(Self* self, transaction_options how = {}) const {
    return ask(self, begin_atom_v,
               pg_transaction{lease_, how.isolation, how.read_only, how.deferrable});
  }

  template <class Self, class... Ts>
  auto execute(Self* self, std::string sql, const Ts&... params) const {
    return ask(self, execute_atom_v,
               pg_lease_statement{lease_, make_statement(std::move(sql), params...)});
  }

  /// Runs statements in one round trip; the handler gets a `std::vector<pg_result>`,
  /// one for each. See `pg_batch`.
  template <class Self>
  auto execute_batch(Self* self, std::vector<pg_statement> statements) const {
    return ask(self, execute_atom_v, pg_batch{lease_, std::move(statements)});
  }

  // -- streams and COPY: see `pg_transfer` ------------------------------------------
  //
  // One at a time, and nothing else in between: the session takes other calls after
  // the last chunk, an error, or `stop`.

  /// Runs a statement whose rows come in chunks; the handler gets a `pg_chunk`, the
  /// first. Unless it is the last, `next` brings the next one, and until then the server
  /// waits.
  template <class Self>
  auto stream(Self* self, pg_statement statement, pg_chunk_size chunks = {}) const {
    return transfer(self, pg_transfer_action::stream, std::move(statement), chunks);
  }

  /// Runs COPY ... TO STDOUT; the handler gets a `pg_chunk`, as that of `stream` does.
  template <class Self>
  auto copy_out(Self* self, std::string sql, pg_chunk_size chunks = {}) const {
    return transfer(self, pg_transfer_action::copy_out, make_statement(std::move(sql)), chunks);
  }

  template <class Self>
  auto next(Self* self) const {
    return transfer(self, pg_transfer_action::next);
  }

  /// Runs COPY ... FROM STDIN; then `write` sends data, and `finish` ends it.
  template <class Self>
  auto copy_in(Self* self, std::string sql) const {
    return done(transfer(self, pg_transfer_action::copy_in, make_statement(std::move(sql))));
  }

  /// Answered when the data is on its way, so that who waits for that never has more
  /// than one piece in memory. An error in it is told by `finish`.
  template <class Self>
  auto write(Self* self, blob data) const {
    return done(transfer(self, pg_transfer_action::write, {}, {}, std::move(data)));
  }

  /// The handler gets a `pg_result` with the number of rows.
  template <class Self>
  auto finish(Self* self) const {
    return convert_answer<pg_chunk>(transfer(self, pg_transfer_action::finish),
                                    [](pg_chunk& last) { return std::move(last.rows); });
  }

  /// Cancels what is open; a transaction fails with it.
  template <class Self>
  auto stop(Self* self) const {
    return done(transfer(self, pg_transfer_action::stop));
  }

  template <class Self>
  auto commit(Self* self) const {
    return ask(self, commit_atom_v, lease_);
  }

  template <class Self>
  auto rollback(Self* self) const {
    return ask(self, rollback_atom_v, lease_);
  }

  template <class Self>
  auto savepoint(Self* self, std::string name) const {
    return ask(self, savepoint_atom_v,
               pg_savepoint{lease_, pg_savepoint_action::set, std::move(name)});
  }

  template <class Self>
  auto rollback_to(Self* self, std::string name) const {
    return ask(self, savepoint_atom_v,
               pg_savepoint{lease_, pg_savepoint_action::rollback_to, std::move(name)});
  }

  template <class Self>
  auto release_savepoint(Self* self, std::string name) const {
    return ask(self, savepoint_atom_v,
               pg_savepoint{lease_, pg_savepoint_action::release, std::move(name)});
  }

  /// Gives the connection back now. Harmless when that is done already.
  void release() {
    if (auto pool = std::exchange(pool_, nullptr))
      anon_mail(release_atom_v, call_context{}, lease_).send(pool);
  }

private:
  template <class Self>
  auto transfer(Self* self, pg_transfer_action action, pg_statement statement = {},
                pg_chunk_size chunks = {}, blob data = {}) const {
    return ask(self, transfer_atom_v,
               pg_transfer{lease_, action, std::move(statement), chunks, std::move(data)});
  }

  template <class Pending>
  static auto done(pending_request<Pending> pending) {
    return convert_answer<pg_chunk>(std::move(pending), [](pg_chunk&) {});
  }

  template <class Self, class Verb, class Request>
  auto ask(Self* self, Verb verb, Request request) const {
    return pending_request{mail(self, verb, options_.context(self->system()), std::move(request))
                               .request(pool_, caf::infinite)};
  }

  postgres_pool_actor pool_;
  pg_lease lease_;
  call_options options_;
};

} // namespace dbs
