// The manager of a pool: owners and their deaths, its own death, drain, health.
#include "actor/actors/postgres_pool/pool_scene.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

using namespace dbs;
using namespace dbs::tests;

namespace {

bool contains(const std::vector<std::string>& log, std::string_view sql) {
  return std::find(log.begin(), log.end(), sql) != log.end();
}

} // namespace

// -- alone ---------------------------------------------------------------------------

TEST_CASE_METHOD(pool_scene, "spawn_each_manager_alone: a pool needs no supervisor") {
  // given a manager that nobody supervises, whose server is slow to accept
  server->accepts = false;
  spawn();
  auto started = request<void>(pool, start_atom_v, call_context{});
  auto ready = request<void>(pool, ready_atom_v, call_context{});
  serve();
  CHECK(!started.answered());
  CHECK(!ready.answered());
  CHECK(health().status == health_status::unhealthy);
  CHECK(health().detail == "not connected yet");
  // when it accepts
  server->accepts = true;
  serve();
  // then the manager works, on whatever connections it was given
  CHECK(succeeded(started));
  CHECK(succeeded(ready));
  CHECK(health().status == health_status::healthy);
  auto result = owner().execute("select 1");
  serve();
  CHECK(succeeded(result));
  CHECK(contains(connection().log, "select 1"));
  CHECK(counter("statements") == 1);
}

TEST_CASE_METHOD(pool_scene, "a start that fails says why, and the pool keeps trying") {
  server->refusal = fail(errc::connection_lost, "connection refused at scripted:5432");
  spawn();
  auto started = request<void>(pool, start_atom_v, call_context{});
  auto ready = request<void>(pool, ready_atom_v, call_context{});
  serve();
  REQUIRE(failed(started, errc::connection_lost));
  CHECK(detail(started.get().error()).what == "connection refused at scripted:5432");
  CHECK(!ready.answered());
  CHECK(health().status == health_status::unhealthy);
  CHECK(health().detail.find("connection refused at scripted:5432") != std::string::npos);
  // when the server comes up
  server->refusal.reset();
  pass(1s);
  // then the manager finds it
  CHECK(succeeded(ready));
  CHECK(health().status == health_status::healthy);
}

// -- owners --------------------------------------------------------------------------

TEST_CASE_METHOD(pool_scene, "an owner's death rolls its transaction back and frees its lease") {
  start();
  auto first = owner();
  auto second = owner();
  auto lease = lease_of(first);
  auto begun = first.begin(lease);
  auto inserted = first.execute(lease, "insert");
  serve();
  REQUIRE(succeeded(inserted));
  // given somebody who waits for the one connection
  auto next = second.checkout();
  serve();
  REQUIRE(!next.answered());
  // when the owner dies
  first.die();
  serve();
  // then what it did is undone before the other one gets the connection
  CHECK(succeeded(next));
  CHECK(contains(connection().log, "ROLLBACK"));
  CHECK(!contains(connection().log, "COMMIT"));
  CHECK(server->opened == 1);
  CHECK(counter("reclaimed") == 1);
  CHECK(stats().leases == 1);
}

TEST_CASE_METHOD(pool_scene, "an owner's death while its statement runs cancels the statement") {
  start();
  auto who = owner();
  auto lease = lease_of(who);
  server->answers = false;
  auto running = who.execute(lease, "select pg_sleep(60)");
  serve();
  REQUIRE(connection().running);
  // when
  who.die();
  advance(0s);
  // then
  CHECK(connection().cancelling);
  CHECK(stats().quarantined == 1);
  server->answers = true;
  serve();
  CHECK(stats().idle == 1);
  CHECK(stats().leases == 0);
  // whoever asked is dead, and is answered all the same
  CHECK(running.answers() == 1);
}

TEST_CASE_METHOD(pool_scene, "a requester that dies before the grant gets no connection") {
  start();
  auto holder = owner();
  auto lease = lease_of(holder);
  auto waiting = owner();
  auto behind = owner();
  auto first = waiting.checkout();
  auto second = behind.checkout();
  serve();
  REQUIRE(stats().waiting == 2);
  SECTION("long before") {
    waiting.die();
    serve();
    CHECK(stats().waiting == 1);
    holder.release(lease);
  }
  SECTION("when the grant is on its way to it") {
    holder.release(lease);
    waiting.die();
  }
  serve();
  // then the one behind it has the connection
  CHECK(succeeded(second));
  CHECK(stats().leases == 1);
  CHECK(stats().waiting == 0);
}

TEST_CASE_METHOD(pool_scene,
                 "an owner that is dead already when its checkout arrives gets nothing") {
  start();
  // Loops run when the scheduler has nothing left to do: by then this one is dead.
  sys().spawn([to = pool](caf::event_based_actor* self) {
    self->request(to, caf::infinite, checkout_atom_v, call_context{}, pg_checkout{})
        .then([](pg_lease) {});
    self->quit();
  });
  serve();
  CHECK(counter("checkouts") == 1);
  CHECK(stats().leases == 0);
  CHECK(stats().idle == 1);
}

TEST_CASE_METHOD(pool_scene, "a checkout that nobody sent is no lease") {
  settings.pool_size = 2;
  start();
  caf::anon_send(pool, checkout_atom_v, call_context{}, pg_checkout{});
  serve();
  CHECK(stats().leases == 0);
  CHECK(counter("checkouts") == 0);
  CHECK(stats().idle == 1);
}

TEST_CASE_METHOD(pool_scene, "a lease that is held too long is logged once, with its holder") {
  settings.leak_threshold = 2s;
  start();
  auto who = owner();
  auto lease = lease_of(who);
  who.execute(lease, "select 'who has this?'");
  pass(1900ms);
  CHECK(stats().leaks == 0);
  CHECK(health().status == health_status::healthy);
  CHECK(log.with(" leak ").empty());
  // when
  pass(100ms);
  // then
  CHECK(stats().leaks == 1);
  CHECK(health().status == health_status::degraded);
  auto line = log.with(" leak ");
  INFO(line);
  CHECK(line.find("warning postgres_pool leak") != std::string::npos);
  CHECK(line.find("age_ms=2000") != std::string::npos);
  CHECK(line.find("owner_name=") != std::string::npos);
  pass(10s);
  CHECK(counter("leak") == 1);
  // and when it comes back all is well
  who.release(lease);
  serve();
  CHECK(stats().leaks == 0);
  CHECK(health().status == health_status::healthy);
}

TEST_CASE_METHOD(pool_scene, "the list of holders names the owner's actor") {
  start();
  auto who = owner();
  auto lease = lease_of(who);
  auto holders = ask<std::vector<pg_holder>>(pool, holders_atom_v, call_context{});
  REQUIRE(holders);
  REQUIRE(holders->size() == 1);
  CHECK(holders->front().lease == lease);
  CHECK(holders->front().owner_name == "dbs.testing.asker");
  CHECK(!holders->front().in_transaction);
}

// -- the manager's own death ---------------------------------------------------------

TEST_CASE_METHOD(pool_scene, "the death of the manager answers every open request, once") {
  start();
  auto holder = owner();
  auto lease = lease_of(holder);
  // given requests at every point of their life
  server->answers = false;
  auto running = holder.execute(lease, "select 1");
  auto pending = holder.commit(lease);
  auto releasing = holder.release(lease);
  auto waiting = owner();
  auto checkout = waiting.checkout();
  auto query = waiting.execute("select 2");
  auto drained = request<void>(pool, drain_atom_v, call_context{});
  SECTION("draining, too") {
    serve();
    REQUIRE(!drained.answered());
    REQUIRE(connection().running == "select 1");
    // A drain refuses at once what waits for a connection.
    CHECK(failed(checkout, errc::draining));
    CHECK(failed(query, errc::draining));
  }
  SECTION("some still in the mailbox") {}
  // when it is killed
  caf::anon_send_exit(pool, caf::exit_reason::kill);
  run();
  // then (a second answer would throw)
  CHECK(failed(running, errc::restarted));
  CHECK(failed(pending, errc::restarted));
  CHECK(failed(releasing, errc::restarted));
  CHECK(failed(drained, errc::restarted));
  CHECK(checkout.answered());
  CHECK(query.answered());
  // and its connections are closed, and whoever comes later is told as well
  CHECK(server->connections.empty());
  auto late = waiting.execute("select 3");
  run();
  CHECK(failed(late, errc::restarted));
}

TEST_CASE_METHOD(pool_scene, "an exception in the manager answers every open request, once") {
  start();
  auto holder = owner();
  auto lease = lease_of(holder);
  auto waiting = owner();
  auto checkout = waiting.checkout();
  auto query = waiting.execute("select 2");
  serve();
  REQUIRE(stats().waiting == 2);
  server->on_send = [](auto&, auto&) { throw std::runtime_error("a bug"); };
  SECTION("in a message handler") {
    auto running = holder.execute(lease, "select 1");
    run();
    CHECK(failed(running, errc::restarted));
  }
  SECTION("in a completion of a connection") {
    server->on_send = nullptr;
    auto running = holder.execute(lease, "select 1");
    auto next = holder.execute(lease, "select 2");
    advance(0s);
    server->on_send = [](auto&, auto&) { throw std::runtime_error("a bug"); };
    with_server([this] { connection().succeed(); });
    CHECK(succeeded(running));
    CHECK(failed(next, errc::restarted));
  }
  run();
  CHECK(failed(checkout, errc::restarted));
  CHECK(failed(query, errc::restarted));
  CHECK(server->connections.empty());
}

TEST_CASE_METHOD(pool_scene, "a manager that dies during its start answers those who wait for it") {
  server->accepts = false;
  spawn();
  auto started = request<void>(pool, start_atom_v, call_context{});
  auto ready = request<void>(pool, ready_atom_v, call_context{});
  auto who = owner();
  auto early = who.checkout();
  serve();
  caf::anon_send_exit(pool, caf::exit_reason::kill);
  run();
  CHECK(failed(started, errc::restarted));
  CHECK(failed(ready, errc::restarted));
  CHECK(failed(early, errc::restarted));
  CHECK(server->connections.empty());
}

TEST_CASE_METHOD(pool_scene, "a lease of an earlier incarnation is told so") {
  start();
  auto who = owner();
  auto lease = lease_of(who);
  caf::anon_send_exit(pool, caf::exit_reason::kill);
  run();
  start();
  auto refused = owner().execute(lease, "select 1");
  serve();
  CHECK(failed(refused, errc::restarted));
}

// -- drain ---------------------------------------------------------------------------

TEST_CASE_METHOD(pool_scene, "a drain lets a lease commit and takes nothing new") {
  settings.pool_size = 2;
  start();
  auto who = owner();
  auto lease = lease_of(who);
  who.begin(lease);
  serve();
  // when
  auto drained = request<void>(pool, drain_atom_v, call_context::within(now(), 5s));
  auto refused = owner().execute("select 1");
  auto refused_too = owner().checkout();
  serve();
  // then
  CHECK(failed(refused, errc::draining));
  CHECK(failed(refused_too, errc::draining));
  auto inserted = who.execute(lease, "insert");
  auto committed = who.commit(lease);
  serve();
  CHECK(succeeded(inserted));
  CHECK(succeeded(committed));
  CHECK(!drained.answered());
  who.release(lease);
  serve();
  CHECK(succeeded(drained));
  CHECK(server->connections.empty());
  // and it stays that way
  pass(5s);
  CHECK(server->opened == 1);
}

TEST_CASE_METHOD(pool_scene, "a drain rolls back at its deadline what is still open") {
  start();
  auto who = owner();
  auto lease = lease_of(who);
  who.begin(lease);
  serve();
  std::vector<std::string> sent;
  server->on_send = [&sent](auto&, auto& sql) { sent.push_back(sql); };
  auto drained = request<void>(pool, drain_atom_v, call_context::within(now(), 1s));
  pass(950ms);
  CHECK(!drained.answered());
  pass(50ms);
  CHECK(succeeded(drained));
  CHECK(sent == std::vector<std::string>{"ROLLBACK"});
  CHECK(server->connections.empty());
  auto late = who.commit(lease);
  serve();
  CHECK(failed(late, errc::draining));
}

// -- health --------------------------------------------------------------------------

TEST_CASE_METHOD(pool_scene, "a server that hangs makes an idle pool unhealthy until it answers") {
  start();
  pass(1s);
  CHECK(health().status == health_status::healthy);
  // given a server that answers nothing any more
  server->answers = false;
  server->settles_cancels = false;
  pass(5s);
  CHECK(health().status == health_status::unhealthy);
  CHECK(!health().detail.empty());
  // when it does again
  server->answers = true;
  server->settles_cancels = true;
  pass(5s);
  // then
  CHECK(health().status == health_status::healthy);
  CHECK(health().detail.empty());
}

TEST_CASE_METHOD(pool_scene, "a pool without a connection is unhealthy and says why") {
  start();
  server->refusal = fail(errc::connection_lost, "connection refused at scripted:5432");
  with_server([this] { connection().kill(); });
  // The probe asks for a new one.
  pass(2s);
  CHECK(health().status == health_status::unhealthy);
  CHECK(health().detail.find("connection refused at scripted:5432") != std::string::npos);
  // when the server is there again
  server->refusal.reset();
  pass(5s);
  CHECK(health().status == health_status::healthy);
}

TEST_CASE_METHOD(pool_scene, "a pool in which many wait is degraded") {
  settings.max_waiting = 4;
  settings.acquire_timeout = 60s;
  start();
  auto holder = owner();
  auto lease = lease_of(holder);
  std::vector<scripted_owner> others;
  for (int i = 0; i < 3; ++i)
    others.emplace_back(owner()).checkout();
  serve();
  REQUIRE(stats().waiting == 3);
  CHECK(health().status == health_status::degraded);
  CHECK(health().detail == "3 of at most 4 requests wait");
  for (auto& x : others)
    x.die();
  holder.release(lease);
  serve();
  CHECK(health().status == health_status::healthy);
}

// -- sizes and numbers ---------------------------------------------------------------

TEST_CASE_METHOD(pool_scene, "a larger pool serves those who wait, a smaller one closes") {
  start();
  auto first = owner();
  auto second = owner();
  auto lease = lease_of(first);
  auto waiting = second.checkout();
  serve();
  REQUIRE(!waiting.answered());
  auto resize = [this](const char* what, int64_t size) {
    return ask<void>(pool, resize_atom_v, call_context{}, resize_request{what, size});
  };
  SECTION("by its size") {
    CHECK(resize("pool_size", 2));
  }
  SECTION("by its overflow") {
    CHECK(resize("max_overflow", 1));
  }
  serve();
  REQUIRE(succeeded(waiting));
  CHECK(server->connections.size() == 2);
  // when it shrinks
  CHECK(resize("pool_size", 1));
  CHECK(resize("max_overflow", 0));
  first.release(lease);
  serve();
  // then the connection that comes back is closed
  CHECK(server->connections.size() == 1);
  CHECK(stats().pool_size == 1);
}

TEST_CASE_METHOD(pool_scene, "a size that makes no sense is refused and changes nothing") {
  start();
  auto refused = [this](const char* what, int64_t size) {
    auto answer = ask<void>(pool, resize_atom_v, call_context{}, resize_request{what, size});
    return !answer && answer.error() == errc::invalid_argument;
  };
  CHECK(refused("pool_size", 0));
  CHECK(refused("pool_size", -1));
  CHECK(refused("pool_size", int64_t{1} << 33));
  CHECK(refused("pool_size", postgres::pool_core::max_connections + 1));
  CHECK(refused("max_overflow", -1));
  CHECK(refused("colour", 3));
  CHECK(stats().pool_size == 1);
  CHECK(stats().max_overflow == 0);
}

TEST_CASE_METHOD(pool_scene, "the pool's figures are published every second") {
  start();
  auto who = owner();
  lease_of(who);
  pass(1s);
  auto families = metrics->collect();
  auto leases = std::find_if(families.begin(), families.end(),
                             [](auto& x) { return x.name == "dbs_postgres_pool_leases"; });
  REQUIRE(leases != families.end());
  REQUIRE(leases->series.size() == 1);
  CHECK(std::get<double>(leases->series[0].value) == 1);
}
