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
  template <class Self, class Verb, class Request>
  auto ask(Self* self, Verb verb, Request request) const {
    return pending_request{mail(self, verb, options_.context(self->system()), std::move(request))
                               .request(pool_, caf::infinite)};
  }

  postgres_pool_actor pool_;
  pg_lease lease_;
  call_options options_;
};

/// A checkout on its way: the handler gets the session itself.
template <class Pending>
class [[nodiscard]] pending_session {
public:
  pending_session(Pending pending, postgres_pool_actor pool, call_options options)
      : pending_(std::move(pending)), pool_(std::move(pool)), options_(options) {}

  template <class OnSession, class OnError>
  void then(OnSession on_session, OnError on_error) && {
    std::move(pending_).then(
        [on_session = std::move(on_session), pool = std::move(pool_),
         options = options_](pg_lease lease) mutable {
          on_session(pg_session{pool, lease, options});
        },
        std::move(on_error));
  }

private:
  pending_request<Pending> pending_;
  postgres_pool_actor pool_;
  call_options options_;
};

} // namespace dbs
