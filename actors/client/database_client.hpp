// SQL for actors and for plain threads: what `services.database()` returns.
#pragma once

#include "dbs/actors/client/blocking_database.hpp"
#include "dbs/actors/client/call_options.hpp"
#include "dbs/actors/client/pending_request.hpp"
#include "dbs/actors/client/pg_session.hpp"
#include "dbs/messages/postgres/types.hpp"

#include <string>
#include <utility>

namespace dbs {

/// A small, copyable client of one PostgreSQL pool. Valid for the life of the
/// services, whatever restarts behind it; may be copied to any thread.
///
///     db.execute(self, "select name from product where id = $1", 42)
///       .then([](const pg_result& rows) { ... }, [](const caf::error& why) { ... });
class database_client {
public:
  database_client(postgres_pool_actor pool, call_options options = {})
      : pool_(std::move(pool)), options_(options) {}

  /// For those who want messages.
  const postgres_pool_actor& actor() const noexcept { return pool_; }

  /// A client whose calls must be answered within `timeout`.
  database_client within(caf::timespan timeout) const {
    auto options = options_;
    options.timeout = timeout;
    return {pool_, options};
  }

  /// A client whose calls count as `caller`.
  database_client as(caller_class caller) const {
    auto options = options_;
    options.caller = caller;
    return {pool_, options};
  }

  /// A client whose statements are willing to share connections, as by `dbs::shared`;
  /// those of its sessions are not concerned.
  database_client sharing() const {
    auto options = options_;
    options.share = true;
    return {pool_, options};
  }

  /// Runs one statement on any connection, in a transaction of its own.
  template <class Self, class... Ts>
  auto execute(Self* self, std::string sql, const Ts&... params) const {
    return run(self, make_statement(std::move(sql), params...));
  }

  /// The same for a statement that was put together beforehand.
  template <class Self>
  auto run(Self* self, pg_statement statement) const {
    statement.share = statement.share || options_.share;
    return pending_request{
        mail(self, execute_atom_v, options_.context(self->system()), std::move(statement))
            .request(pool_, caf::infinite)};
  }

  /// Asks for a connection of one's own, for transactions: the handler gets a
  /// `pg_session`. It belongs to `self`: when `self` dies, everything is rolled back.
  template <class Self>
  auto checkout(Self* self, pg_checkout request = {}) const {
    return convert_answer<pg_lease>(
        pending_request{mail(self, checkout_atom_v, options_.context(self->system()), request)
                            .request(pool_, caf::infinite)},
        [pool = pool_, options = options_](pg_lease lease) {
          return pg_session{pool, lease, options};
        });
  }

  template <class Self>
  auto stats(Self* self) const {
    return pending_request{
        mail(self, report_atom_v, options_.context(self->system())).request(pool_, caf::infinite)};
  }

  /// Who holds connections, the oldest first.
  template <class Self>
  auto holders(Self* self) const {
    return pending_request{
        mail(self, holders_atom_v, options_.context(self->system())).request(pool_, caf::infinite)};
  }

  /// A client that blocks the calling thread. Never use it inside an actor.
  blocking_database sync(caf::actor_system& system) const { return {system, pool_, options_}; }

private:
  postgres_pool_actor pool_;
  call_options options_;
};

} // namespace dbs
