// SQL for threads that are not actors: tests, tools, main functions.
#pragma once

#include "dbs/actors/client/call_options.hpp"
#include "dbs/messages/postgres/pool.hpp"
#include "dbs/messages/postgres/types.hpp"

#include <caf/actor_system.hpp>
#include <caf/expected.hpp>
#include <caf/scoped_actor.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dbs {

/// Blocks the calling thread until the pool answers, and a little longer than the
/// call's timeout at most. Not for actors: a blocked scheduler thread serves nobody.
/// One thread at a time.
class blocking_database {
public:
  blocking_database(caf::actor_system& system, postgres_pool_actor pool, call_options options);

  template <class... Ts>
  caf::expected<pg_result> execute(std::string sql, const Ts&... params) {
    return run(make_statement(std::move(sql), params...));
  }

  caf::expected<pg_result> run(pg_statement statement);

  caf::expected<pool_stats> stats();

  caf::expected<std::vector<pg_holder>> holders();

  /// A connection of one's own; it is given back when the session is destroyed.
  class session {
  public:
    session(session&&) noexcept = default;
    session& operator=(session&& other) noexcept;
    ~session();

    pg_lease lease() const noexcept { return lease_; }

    caf::expected<void> begin(pg_isolation isolation = pg_isolation::server_default,
                              bool read_only = false);

    template <class... Ts>
    caf::expected<pg_result> execute(std::string sql, const Ts&... params) {
      return run(make_statement(std::move(sql), params...));
    }

    caf::expected<pg_result> run(pg_statement statement);
    caf::expected<std::vector<pg_result>> execute_batch(std::vector<pg_statement> statements);

    // -- streams and COPY: see `pg_session` -----------------------------------------

    caf::expected<pg_chunk> stream(pg_statement statement, pg_chunk_size chunks = {});
    caf::expected<pg_chunk> copy_out(std::string sql, pg_chunk_size chunks = {});
    caf::expected<pg_chunk> next();
    caf::expected<void> copy_in(std::string sql);
    caf::expected<void> write(blob data);
    caf::expected<pg_result> finish();
    caf::expected<void> stop();

    caf::expected<void> commit();
    caf::expected<void> rollback();
    caf::expected<void> savepoint(std::string name,
                                  pg_savepoint_action action = pg_savepoint_action::set);
    void release();

  private:
    friend class blocking_database;

    session(std::shared_ptr<caf::scoped_actor> self, postgres_pool_actor pool, pg_lease lease,
            call_options options);

    caf::expected<pg_chunk> transfer(pg_transfer_action action, pg_statement statement = {},
                                     pg_chunk_size chunks = {}, blob data = {});

    std::shared_ptr<caf::scoped_actor> self_;
    postgres_pool_actor pool_;
    pg_lease lease_;
    call_options options_;
  };

  caf::expected<session> checkout(pg_checkout request = {});

private:
  // Shared with the sessions: it is their owner in the eyes of the pool.
  std::shared_ptr<caf::scoped_actor> self_;
  postgres_pool_actor pool_;
  call_options options_;
};

} // namespace dbs
