// The code in docs/database.md, run against a real server.
#include "integration/actors/postgres_pool/pool_fixture.hpp"

#include "dbs/actors/client/blocking_ask.hpp"
#include "dbs/actors/client/listener_client.hpp"
#include "dbs/actors/postgres_listener/postgres_listener.hpp"
#include "dbs/messages/postgres/copy_text.hpp"

#include <caf/stateful_actor.hpp>

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

struct fixture : dbs::tests::pool_fixture {
  fixture() {
    start();
    server.psql("create table product (id int primary key, name text, cents int)");
    server.psql("insert into product values (1, 'lamp', 2500), (2, 'desk', 9900)");
  }

  /// Runs `body(self)` in an actor and waits for the actor's end.
  template <class Body>
  void in_an_actor(Body body) {
    auto actor = system.spawn([&body](caf::event_based_actor* self) { body(self); });
    caf::scoped_actor waiter{system};
    waiter->wait_for(actor);
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "docs/database.md: a query in an actor") {
  std::string found;
  auto on_error = [](const caf::error& why) { FAIL_CHECK(dbs::describe(why)); };
  auto db = client();
  in_an_actor([&](caf::event_based_actor* self) {
    int id = 1;
    db.execute(self, "select name, cents from product where id = $1", id)
        .then(
            [&](const dbs::pg_result& rows) {
              for (auto row : rows)
                found = *row.get<std::string>("name");
            },
            on_error);
  });
  CHECK(found == "lamp");
}

TEST_CASE_METHOD(fixture, "docs/database.md: deadlines and plain threads") {
  auto db = client();
  auto quick = db.within(10s); // the same client, with a deadline for each call
  auto blocking = quick.sync(system);
  auto rows = blocking.execute("select count(*) from product");
  REQUIRE(rows);
  CHECK(rows->row(0).get<int>(0) == 2);
}

TEST_CASE_METHOD(fixture, "docs/database.md: a result in binary") {
  int64_t cents = 0;
  auto on_error = [](const caf::error& why) { FAIL_CHECK(dbs::describe(why)); };
  auto db = client();
  in_an_actor([&](caf::event_based_actor* self) {
    auto query = dbs::make_statement("select cents from product where id <> $1", 0);
    db.run(self, dbs::in_binary(std::move(query)))
        .then(
            [&](const dbs::pg_result& rows) {
              for (auto row : rows)
                cents += *row.get<int64_t>("cents");
            },
            on_error);
  });
  CHECK(cents == 2500 + 9900);
}

namespace {

enum class season { summer, winter };

} // namespace

template <>
struct dbs::pg_codec<season> {
  static pg_problem encode(season x, std::string& out) {
    out += x == season::summer ? "summer" : "winter";
    return nullptr;
  }

  static pg_problem decode(std::string_view text, season& out) {
    out = text == "summer" ? season::summer : season::winter;
    return text == "summer" || text == "winter" ? nullptr : "is not a season";
  }
};

TEST_CASE_METHOD(fixture, "docs/database.md: a type of one's own") {
  REQUIRE(client().sync(system).execute("create type season as enum ('summer', 'winter')"));
  for (auto binary : {false, true}) {
    std::vector<season> all{season::winter, season::summer};
    auto query = dbs::make_statement("select $1::season[]", all);
    query.binary = binary;
    auto rows = client().sync(system).run(std::move(query));
    REQUIRE(rows);
    CHECK(rows->row(0).get<std::vector<season>>(0) == all);
  }
}

TEST_CASE_METHOD(fixture, "docs/database.md: a transaction") {
  auto done = false;
  auto on_error = [](const caf::error& why) { FAIL_CHECK(dbs::describe(why)); };
  auto db = client();
  in_an_actor([&](caf::event_based_actor* self) {
    auto transfer = [=, &done](const dbs::pg_session& session) {
      auto next = [](const dbs::pg_result&) {};
      session.begin(self, {.isolation = dbs::pg_isolation::serializable}).then([] {}, on_error);
      session.execute(self, "update product set cents = cents - $1 where id = 1", 100)
          .then(next, on_error);
      session.execute(self, "update product set cents = cents + $1 where id = 2", 100)
          .then(next, on_error);
      session.commit(self).then([&done] { done = true; }, on_error);
    };
    db.checkout(self).then(transfer, on_error);
  });
  CHECK(done);
  CHECK(server.psql("select string_agg(cents::text, ',' order by id) from product") ==
        "2400,10000");
}

TEST_CASE_METHOD(fixture, "docs/database.md: a batch") {
  auto cents = 0;
  auto on_error = [](const caf::error& why) { FAIL_CHECK(dbs::describe(why)); };
  auto db = client();
  in_an_actor([&](caf::event_based_actor* self) {
    auto raise = [&, self](const dbs::pg_session& session) {
      std::vector<dbs::pg_statement> orders;
      for (int id : {1, 2})
        orders.push_back(dbs::make_statement(
            "update product set cents = cents + 1 where id = $1 returning cents", id));
      session.execute_batch(self, std::move(orders))
          .then(
              [&](const std::vector<dbs::pg_result>& results) {
                for (auto& rows : results)
                  cents += *rows.row(0).get<int>("cents");
              },
              on_error);
    };
    db.checkout(self).then(raise, on_error);
  });
  CHECK(cents == 2501 + 9901);
}

TEST_CASE_METHOD(fixture, "docs/database.md: shared pipelining") {
  std::string name;
  auto cents = 0;
  auto on_error = [](const caf::error& why) { FAIL_CHECK(dbs::describe(why)); };
  auto take_name = [&](const dbs::pg_result& rows) { name = *rows.row(0).get<std::string>(0); };
  auto take_cents = [&](const dbs::pg_result& rows) { cents = *rows.row(0).get<int>(0); };
  auto db = client();
  in_an_actor([&](caf::event_based_actor* self) {
    int id = 2;
    auto found = dbs::shared(dbs::make_statement("select name from product where id = $1", id));
    db.run(self, std::move(found)).then(take_name, on_error);
    auto many = db.sharing(); // the same client, whose statements are willing to share
    many.execute(self, "select cents from product where id = $1", id).then(take_cents, on_error);
  });
  CHECK(name == "desk");
  CHECK(cents == 9900);
  CHECK(counter("shared") == 2);
}

namespace {

struct reader {
  caf::event_based_actor* self;
  dbs::pg_session session;
  int64_t cents = 0;

  void read() {
    session.stream(self, dbs::make_statement("select cents from product"), {.rows = 500})
        .then([this](const dbs::pg_chunk& chunk) { take(chunk); }, on_error);
  }

  void take(const dbs::pg_chunk& chunk) {
    for (auto row : chunk.rows)
      cents += *row.get<int>("cents");
    if (chunk.last)
      return session.release();
    session.next(self).then([this](const dbs::pg_chunk& more) { take(more); }, on_error);
  }

  static void on_error(const caf::error& why) { FAIL_CHECK(dbs::describe(why)); }
};

} // namespace

TEST_CASE_METHOD(fixture, "docs/database.md: a stream") {
  server.psql("insert into product select n, 'more', 1 from generate_series(3, 2000) n");
  auto db = client();
  std::shared_ptr<reader> found;
  in_an_actor([&](caf::event_based_actor* self) {
    db.checkout(self).then(
        [&found, self](dbs::pg_session session) {
          found = std::make_shared<reader>(reader{self, std::move(session)});
          found->read();
        },
        reader::on_error);
  });
  CHECK(found->cents == 2500 + 9900 + 1998);
}

TEST_CASE_METHOD(fixture, "docs/database.md: COPY in") {
  uint64_t loaded = 0;
  auto on_error = [](const caf::error& why) { FAIL_CHECK(dbs::describe(why)); };
  auto db = client();
  std::string rows;
  REQUIRE_FALSE(dbs::append_copy_row(rows, 3, "chair", 4900));
  REQUIRE_FALSE(dbs::append_copy_row(rows, 4, "rug\tor mat", std::nullopt));
  in_an_actor([&](caf::event_based_actor* self) {
    auto load = [&, self](const dbs::pg_session& session) {
      session.copy_in(self, "copy product from stdin").then([] {}, on_error);
      session.write(self, dbs::blob{rows}).then([] {}, on_error);
      session.finish(self).then(
          [&](const dbs::pg_result& result) { loaded = result.affected_rows(); }, on_error);
    };
    db.checkout(self).then(load, on_error);
  });
  CHECK(loaded == 2);
  CHECK(server.psql("select name from product where cents is null") == "rug\tor mat");
}

namespace {

/// Keeps the prices of all products, as they are in the database.
struct price_list {
  price_list(dbs::pg_event_sink::pointer ptr, dbs::listener_client listener_client,
             dbs::database_client database, std::atomic<int>& sum)
      : self(ptr), listener(std::move(listener_client)), db(std::move(database)), total(sum) {}

  dbs::pg_event_sink::behavior_type make_behavior() {
    // First listen, then read: nothing can happen in between.
    listener.listen(self, "product").then([this] { read(); }, on_error);
    // A notification or a gap: in both cases the copy may be old.
    return {[this](const dbs::pg_event&) { read(); }};
  }

  void read() {
    // One at a time: of two on two connections, the older one may be answered last.
    again = std::exchange(reading, true);
    if (again)
      return;
    auto take = [this](const dbs::pg_result& rows) {
      int sum = 0;
      for (auto row : rows)
        sum += cents[*row.get<int>("id")] = *row.get<int>("cents");
      total = sum;
      reading = false;
      if (again)
        read();
    };
    auto retry = [this](const caf::error& why) {
      on_error(why);
      reading = false;
      self->run_delayed(1s, [this] { read(); });
    };
    db.execute(self, "select id, cents from product").then(take, retry);
  }

  static void on_error(const caf::error& why) { FAIL_CHECK(dbs::describe(why)); }

  dbs::pg_event_sink::pointer self;
  dbs::listener_client listener;
  dbs::database_client db;
  std::map<int, int> cents;
  bool reading = false;
  bool again = false;
  std::atomic<int>& total;
};

/// A price list that has been read.
struct price_fixture : fixture {
  price_fixture() {
    dbs::postgres_listener_options options;
    options.settings = settings;
    options.metrics = std::make_shared<dbs::observe::registry>();
    options.log = dbs::testing::make_silent_logger();
    listener = dbs::spawn_postgres_listener(loop, std::move(options));
    list = system.spawn<caf::stateful_actor<price_list, dbs::pg_event_sink::impl>>(
        dbs::listener_client{listener}, client(), std::ref(total));
    REQUIRE(dbs::testing::eventually([this] { return total == 2500 + 9900; }));
  }

  ~price_fixture() {
    caf::anon_send_exit(list, caf::exit_reason::user_shutdown);
    caf::scoped_actor waiter{system};
    waiter->wait_for(list); // which writes to `total`
    caf::anon_send_exit(listener, caf::exit_reason::user_shutdown);
  }

  int64_t stat(const std::string& name) {
    caf::scoped_actor self{system};
    auto report = dbs::blocking_ask<dbs::stats_report>(self, {}, listener, dbs::stats_atom_v);
    REQUIRE(report);
    for (auto& x : report->fields)
      if (x.name == name)
        return std::get<int64_t>(x.value);
    FAIL("there is no " << name);
    return 0;
  }

  std::atomic<int> total{0};
  dbs::postgres_listener_state::actor_type listener;
  dbs::pg_event_sink list;
};

} // namespace

TEST_CASE_METHOD(price_fixture, "docs/database.md: notifications") {
  auto on_error = [](const caf::error& why) { FAIL_CHECK(dbs::describe(why)); };
  auto db = client();
  in_an_actor([&](caf::event_based_actor* self) {
    auto reduce = [=](const dbs::pg_session& session) {
      auto next = [](const dbs::pg_result&) {};
      session.begin(self).then([] {}, on_error);
      session.execute(self, "update product set cents = 1900 where id = $1", 1)
          .then(next, on_error);
      // heard when, and if, the transaction is committed
      session.execute(self, "select pg_notify($1, $2)", "product", 1).then(next, on_error);
      session.commit(self).then([] {}, on_error);
    };
    db.checkout(self).then(reduce, on_error);
  });
  CHECK(dbs::testing::eventually([&] { return total == 1900 + 9900; }));
}

TEST_CASE_METHOD(price_fixture, "docs/database.md: what is kept is read by one query at a time") {
  auto reads_that_wait = [this] {
    return server.psql("select count(*) from pg_stat_activity where wait_event_type = 'Lock'");
  };
  auto writer = client().sync(system).checkout();
  REQUIRE(writer);
  REQUIRE(writer->begin());
  REQUIRE(writer->execute("update product set cents = 1900 where id = 1"));
  REQUIRE(writer->execute("lock table product"));
  // when several events come during one read
  for (auto* n : {"1", "2", "3"})
    server.psql("select pg_notify('product', '" + std::string{n} + "')");
  REQUIRE(dbs::testing::eventually(
      [this] { return stat("notifications") == 3 && stat("unanswered") == 0; }));
  REQUIRE(dbs::testing::eventually([&] { return reads_that_wait() != "0"; }));
  // then there is no other that could be answered before it
  CHECK(reads_that_wait() == "1");
  // and one more behind it sees what is there now
  REQUIRE(writer->commit());
  CHECK(dbs::testing::eventually([this] { return total == 1900 + 9900; }));
}
