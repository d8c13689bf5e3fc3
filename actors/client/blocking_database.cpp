#include "dbs/actors/client/blocking_database.hpp"

#include "dbs/actors/client/blocking_ask.hpp"

namespace dbs {

namespace {

caf::expected<void> done(const caf::expected<pg_chunk>& answer) {
  if (!answer)
    return answer.error();
  return caf::unit;
}

} // namespace

blocking_database::blocking_database(caf::actor_system& system, postgres_pool_actor pool,
                                     call_options options)
    : self_(std::make_shared<caf::scoped_actor>(system)), pool_(std::move(pool)),
      options_(options) {}

caf::expected<pg_result> blocking_database::run(pg_statement statement) {
  statement.share = statement.share || options_.share;
  return blocking_ask<pg_result>(*self_, options_, pool_, execute_atom_v, std::move(statement));
}

caf::expected<pool_stats> blocking_database::stats() {
  return blocking_ask<pool_stats>(*self_, options_, pool_, report_atom_v);
}

caf::expected<std::vector<pg_holder>> blocking_database::holders() {
  return blocking_ask<std::vector<pg_holder>>(*self_, options_, pool_, holders_atom_v);
}

caf::expected<blocking_database::session> blocking_database::checkout(pg_checkout request) {
  auto lease = blocking_ask<pg_lease>(*self_, options_, pool_, checkout_atom_v, request);
  if (!lease) {
    // The pool may grant it after all; it belongs to an owner that is gone then, or
    // goes with the last session.
    if (lease.error() == errc::deadline_exceeded)
      self_ = std::make_shared<caf::scoped_actor>(self_->ptr()->home_system());
    return std::move(lease.error());
  }
  return session{self_, pool_, *lease, options_};
}

// -- sessions ----------------------------------------------------------------------

blocking_database::session::session(std::shared_ptr<caf::scoped_actor> self,
                                    postgres_pool_actor pool, pg_lease lease, call_options options)
    : self_(std::move(self)), pool_(std::move(pool)), lease_(lease), options_(options) {}

blocking_database::session& blocking_database::session::operator=(session&& other) noexcept {
  if (this != &other) {
    release();
    self_ = std::move(other.self_);
    pool_ = std::move(other.pool_);
    lease_ = other.lease_;
    options_ = other.options_;
  }
  return *this;
}

blocking_database::session::~session() {
  release();
}

caf::expected<void> blocking_database::session::begin(pg_isolation isolation, bool read_only) {
  return blocking_ask<void>(*self_, options_, pool_, begin_atom_v,
                            pg_transaction{lease_, isolation, read_only, false});
}

caf::expected<pg_result> blocking_database::session::run(pg_statement statement) {
  return blocking_ask<pg_result>(*self_, options_, pool_, execute_atom_v,
                                 pg_lease_statement{lease_, std::move(statement)});
}

caf::expected<std::vector<pg_result>>
blocking_database::session::execute_batch(std::vector<pg_statement> statements) {
  return blocking_ask<std::vector<pg_result>>(*self_, options_, pool_, execute_atom_v,
                                              pg_batch{lease_, std::move(statements)});
}

caf::expected<pg_chunk> blocking_database::session::transfer(pg_transfer_action action,
                                                             pg_statement statement,
                                                             pg_chunk_size chunks, blob data) {
  return blocking_ask<pg_chunk>(
      *self_, options_, pool_, transfer_atom_v,
      pg_transfer{lease_, action, std::move(statement), chunks, std::move(data)});
}

caf::expected<pg_chunk> blocking_database::session::stream(pg_statement statement,
                                                           pg_chunk_size chunks) {
  return transfer(pg_transfer_action::stream, std::move(statement), chunks);
}

caf::expected<pg_chunk> blocking_database::session::copy_out(std::string sql,
                                                             pg_chunk_size chunks) {
  return transfer(pg_transfer_action::copy_out, make_statement(std::move(sql)), chunks);
}

caf::expected<pg_chunk> blocking_database::session::next() {
  return transfer(pg_transfer_action::next);
}

caf::expected<void> blocking_database::session::copy_in(std::string sql) {
  return done(transfer(pg_transfer_action::copy_in, make_statement(std::move(sql))));
}

caf::expected<void> blocking_database::session::write(blob data) {
  return done(transfer(pg_transfer_action::write, {}, {}, std::move(data)));
}

caf::expected<pg_result> blocking_database::session::finish() {
  auto last = transfer(pg_transfer_action::finish);
  if (!last)
    return std::move(last.error());
  return std::move(last->rows);
}

caf::expected<void> blocking_database::session::stop() {
  return done(transfer(pg_transfer_action::stop));
}

caf::expected<void> blocking_database::session::commit() {
  return blocking_ask<void>(*self_, options_, pool_, commit_atom_v, lease_);
}

caf::expected<void> blocking_database::session::rollback() {
  return blocking_ask<void>(*self_, options_, pool_, rollback_atom_v, lease_);
}

caf::expected<void> blocking_database::session::savepoint(std::string name,
                                                          pg_savepoint_action action) {
  return blocking_ask<void>(*self_, options_, pool_, savepoint_atom_v,
                            pg_savepoint{lease_, action, std::move(name)});
}

void blocking_database::session::release() {
  if (self_)
    anon_mail(release_atom_v, call_context{}, lease_).send(pool_);
  self_.reset();
}

} // namespace dbs
