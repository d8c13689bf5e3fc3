// A PostgreSQL pool that does what the test says: for testing your own actors
// without a server, on virtual time.
//
//     dbs::testing::actor_fixture fix;
//     dbs::testing::scripted_pool pool{fix};
//     pool.expect("select name from product where id = $1", 7)
//         .answer(query_result({"name"}, {make_params("lamp")}));
//     ... // an actor that was given pool.client() asks for product 7
//     pool.verify();
#pragma once

#include "dbs/actors/client/database_client.hpp"
#include "dbs/messages/postgres/pool.hpp"
#include "dbs/testing/fixture/actor_fixture.hpp"
#include "dbs/testing/scripted/call_script.hpp"
#include "dbs/testing/scripted/result_literals.hpp"

#include <memory>
#include <string>
#include <vector>

namespace dbs::testing {

/// Statements must be expected, in any order, each as often as it comes, those of a
/// batch like any other; one that is not is answered with `invalid_argument`, and
/// `verify` complains. Checkouts and the verbs of transactions succeed unless an
/// expectation says otherwise.
///
/// As with the real pool, requests are answered by their deadline, the answers on one
/// lease come in the order of the requests, a lease that was released is refused, and
/// one whose owner dies is taken back. Nothing understands SQL: `commit` without
/// `begin` is no error here. There is no COPY ... TO STDOUT.
class scripted_pool {
public:
  /// Lives on the fixture's loop.
  explicit scripted_pool(actor_fixture& fix);

  /// Expects a statement, on a lease or not, with exactly these parameters. White
  /// space in the statement does not matter.
  template <class... Ts>
  scripted_answer& expect(std::string sql, const Ts&... params) {
    return expect_statement(make_statement(std::move(sql), params...));
  }

  scripted_answer& expect_statement(const pg_statement& statement);
  /// Expects a stream: the rows of the answer come in chunks of as many as are asked
  /// for.
  template <class... Ts>
  scripted_answer& expect_stream(std::string sql, const Ts&... params) {
    return expect_transfer(pg_transfer_action::stream, make_statement(std::move(sql), params...));
  }

  /// Expects COPY ... FROM STDIN, which takes every write; the answer is that of
  /// `finish`.
  scripted_answer& expect_copy_in(std::string sql) {
    return expect_transfer(pg_transfer_action::copy_in, make_statement(std::move(sql)));
  }

  scripted_answer& expect_checkout();
  scripted_answer& expect_begin(const transaction_options& how = {});
  scripted_answer& expect_commit();
  scripted_answer& expect_rollback();

  /// What to give to the actor under test.
  database_client client() const { return database_client{actor_}; }

  const postgres_pool_actor& actor() const noexcept { return actor_; }

  /// Whatever came, in order: "checkout", "lease 1: begin serializable",
  /// "lease 1: execute update product set cents = $1 with $1 = '250'",
  /// "lease 1: commit", "lease 1: release", "lease 1: its owner died".
  const std::vector<std::string>& journal() const noexcept { return script_->journal(); }

  /// Throws `std::logic_error` with a line for each call that was not expected and
  /// for each expected one that did not come.
  void verify() const { script_->verify(); }

private:
  scripted_answer& expect_transfer(pg_transfer_action kind, const pg_statement& statement);

  std::shared_ptr<call_script> script_;
  postgres_pool_actor actor_;
};

} // namespace dbs::testing
