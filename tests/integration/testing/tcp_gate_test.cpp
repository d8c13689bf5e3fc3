#include "dbs/testing/gate/tcp_gate.hpp"

#include "dbs/testing/eventually.hpp"
#include "plain_socket.hpp"

#include <catch2/catch_test_macros.hpp>

#include <optional>

using namespace dbs::testing;
using namespace dbs::test;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

/// Long enough to notice bytes that should not have come.
constexpr auto moment = 150ms;

/// A gate in front of a server that the test plays, with one connection through it.
struct linked_pair {
  plain_listener listener;
  tcp_gate gate{"127.0.0.1", listener.port()};
  plain_socket client;
  plain_socket server;

  linked_pair() { connect(); }

  void connect() {
    REQUIRE(client.connect(gate.port()) == 0);
    server = listener.accept();
    client.received.clear();
    server.received.clear();
    // The gate forwards as soon as it has connected: wait until both ways are open.
    client.send("?");
    REQUIRE(server.receive_bytes(1) == "?");
    server.send("!");
    REQUIRE(client.receive_bytes(1) == "!");
    client.received.clear();
    server.received.clear();
  }
};

std::string pattern(size_t size) {
  std::string result(size, ' ');
  for (size_t i = 0; i < size; ++i)
    result[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
  return result;
}

} // namespace

TEST_CASE("a gate forwards bytes both ways and counts them") {
  linked_pair link;
  auto before = link.gate.stats();
  link.client.send("question");
  CHECK(link.server.receive_bytes(8) == "question");
  link.server.send("an answer");
  CHECK(link.client.receive_bytes(9) == "an answer");
  auto now = link.gate.stats();
  CHECK(now.bytes_to_server == before.bytes_to_server + 8);
  CHECK(now.bytes_to_client == before.bytes_to_client + 9);
  CHECK(before.connections == 1);
  CHECK(before.active == 1);
}

TEST_CASE("the end of one direction leaves the other open through a gate") {
  linked_pair link;
  link.client.send("last words");
  link.client.end();
  CHECK(link.server.receive_all() == outcome::end);
  CHECK(link.server.received == "last words");
  link.server.send("farewell");
  link.server.end();
  CHECK(link.client.receive_all() == outcome::end);
  CHECK(link.client.received == "farewell");
  CHECK(eventually([&] { return link.gate.stats().active == 0; }));
}

TEST_CASE("a client behind a gate is reset when the server resets or is not there") {
  linked_pair link;
  link.server.break_off();
  CHECK(link.client.receive_all() == outcome::reset);

  std::optional<plain_listener> nobody{std::in_place};
  tcp_gate gate{"127.0.0.1", nobody->port()};
  nobody.reset();
  plain_socket client;
  bool reset_at_once = client.connect(gate.port()) == ECONNRESET;
  CHECK((reset_at_once || client.receive_all() == outcome::reset));
}

TEST_CASE("a delayed link delivers everything later, without being slower") {
  linked_pair link;
  link.gate.delay(200ms, gate_direction::to_server);
  auto begin = steady_clock::now();
  std::string sent;
  for (int i = 0; i < 20; ++i) {
    auto part = pattern(100);
    sent += part;
    link.client.send(part);
  }
  CHECK(link.server.receive_bytes(1).size() >= 1);
  CHECK(steady_clock::now() - begin >= 200ms);
  CHECK(link.server.receive_bytes(2000) == sent);
  CHECK(steady_clock::now() - begin < 2s); // one after the other would be 4 s

  link.server.send("undelayed");
  CHECK(link.client.receive_bytes(9) == "undelayed");
  link.gate.delay(1h);
  link.client.send("x");
  link.gate.pass();
  CHECK(link.server.receive_bytes(2001).size() == 2001);
}

TEST_CASE("a link that drops is half open and stays silent when it passes again") {
  linked_pair link;
  link.gate.drop();
  link.client.send("lost");
  CHECK(link.server.receive(moment) == outcome::silence);
  CHECK(eventually([&] { return link.gate.stats().bytes_dropped == 4; }));

  link.gate.pass();
  link.client.send("late");
  CHECK(link.server.receive(moment) == outcome::silence);
  link.client.end();
  CHECK(link.server.receive(moment) == outcome::silence);

  link.connect();
  link.client.send("fresh");
  CHECK(link.server.receive_bytes(5) == "fresh");
}

TEST_CASE("a link that drops in one direction delivers in the other") {
  linked_pair link;
  link.gate.drop(gate_direction::to_client);
  link.client.send("question");
  CHECK(link.server.receive_bytes(8) == "question");
  link.server.send("answer");
  CHECK(link.client.receive(moment) == outcome::silence);
}

TEST_CASE("a held link loses nothing, not even the news that a side is gone") {
  linked_pair link;
  link.gate.hold();
  link.client.send("patience");
  CHECK(link.server.receive(moment) == outcome::silence);
  link.gate.pass();
  CHECK(link.server.receive_bytes(8) == "patience");

  link.gate.hold();
  link.server.break_off();
  CHECK(link.client.receive(moment) == outcome::silence);
  link.gate.pass();
  CHECK(link.client.receive_all() == outcome::reset);
}

TEST_CASE("a sender in front of a held link is stopped, and loses nothing") {
  linked_pair link;
  link.gate.hold(gate_direction::to_server);
  auto flood = pattern(size_t{32} << 20);
  auto taken = link.client.send(flood, moment);
  CHECK(taken < flood.size()); // the rest found no room in gate and kernel
  link.gate.pass();
  CHECK((link.server.receive_bytes(taken) == flood.substr(0, taken)));
}

TEST_CASE("a limited link takes its time") {
  linked_pair link;
  link.gate.limit_bytes_per_second(100'000);
  auto sent = pattern(30'000);
  auto begin = steady_clock::now();
  link.client.send(sent);
  CHECK((link.server.receive_bytes(sent.size()) == sent));
  CHECK(steady_clock::now() - begin >= 280ms);

  link.gate.limit_bytes_per_second(0);
  auto more = pattern(10'000'000); // 100 s at the old pace
  begin = steady_clock::now();
  for (size_t taken = 0; taken < more.size(); taken += 100'000) {
    REQUIRE(link.client.send(std::string_view{more}.substr(taken, 100'000)) == 100'000);
    REQUIRE(link.server.receive_bytes(sent.size() + taken + 100'000).size() ==
            sent.size() + taken + 100'000);
  }
  CHECK((link.server.received == sent + more));
  CHECK(steady_clock::now() - begin < 20s);
}

TEST_CASE("a splitting link delivers small parts in order") {
  linked_pair link;
  link.gate.split(7, gate_direction::to_client, 100us);
  auto before = link.gate.stats();
  auto sent = pattern(700);
  link.server.send(sent);
  CHECK(link.client.receive_bytes(sent.size()) == sent);
  CHECK(link.gate.stats().bytes_to_client == before.bytes_to_client + sent.size());
  CHECK(link.gate.stats().writes_to_client - before.writes_to_client >= 100);
}

TEST_CASE("a link closes in the middle of an answer after exactly so many bytes") {
  linked_pair link;
  link.gate.close_after(1000, gate_direction::to_client);
  auto answer = pattern(5000);
  link.client.send("question");
  CHECK(link.server.receive_bytes(8) == "question");
  link.server.send(answer);
  CHECK(link.client.receive_all() == outcome::end);
  CHECK(link.client.received == answer.substr(0, 1000));
  CHECK(link.server.receive_all() == outcome::end);

  // The next connection has a count of its own.
  REQUIRE(link.client.connect(link.gate.port()) == 0);
  link.client.received.clear();
  link.server = link.listener.accept();
  link.server.send(answer);
  CHECK(link.client.receive_all() == outcome::end);
  CHECK(link.client.received == answer.substr(0, 1000));
}

TEST_CASE("closing all connections of a gate ends them in order") {
  linked_pair link;
  // More than the gate holds, so that unread bytes wait in its sockets: closing those
  // at once would send RST, which destroys what has been delivered.
  link.gate.hold(gate_direction::to_server);
  auto too_much = pattern(size_t{1} << 20);
  REQUIRE(link.client.send(too_much, moment) > tcp_gate::default_buffer_bytes);
  auto before = link.gate.stats().bytes_to_client;
  link.server.send("delivered");
  REQUIRE(eventually([&] { return link.gate.stats().bytes_to_client == before + 9; }));

  link.gate.close_all();

  CHECK(link.client.receive_all() == outcome::end);
  CHECK(link.client.received == "delivered");
  CHECK(link.server.receive_all() == outcome::end);
  CHECK(link.gate.stats().active == 0);

  link.gate.pass();
  link.connect();
  CHECK(link.gate.stats().active == 1);
  CHECK(link.gate.stats().connections == 2);
}

TEST_CASE("resetting all connections of a gate breaks both sides") {
  linked_pair link;
  link.gate.reset_all();
  CHECK(link.client.receive_all() == outcome::reset);
  CHECK(link.server.receive_all() == outcome::reset);
  CHECK(link.gate.stats().active == 0);
}

TEST_CASE("a gate that has stopped accepting refuses, and keeps what it has") {
  linked_pair link;
  link.gate.stop_accepting();
  plain_socket late;
  CHECK(late.connect(link.gate.port()) == ECONNREFUSED);
  link.client.send("still here");
  CHECK(link.server.receive_bytes(10) == "still here");
  link.gate.accept();
  CHECK(late.connect(link.gate.port()) == 0);
}

TEST_CASE("a gate that accepts nothing lets connects hang until it accepts again") {
  linked_pair link;
  link.gate.accept_nothing();
  for (int i = 0; i < 3; ++i) {
    plain_socket late;
    CHECK(late.connect(link.gate.port(), moment) == ETIMEDOUT);
  }
  link.client.send("still here");
  CHECK(link.server.receive_bytes(10) == "still here");
  link.gate.accept();
  plain_socket late;
  CHECK(late.connect(link.gate.port()) == 0);
  late.send("welcome");
  // The impatient ones may have come through as well, and gone.
  CHECK(eventually([&] { return link.listener.accept().receive_bytes(7) == "welcome"; }));
}

TEST_CASE("a gate with a fault of every kind ends without waiting for it") {
  auto begin = steady_clock::now();
  {
    linked_pair link;
    link.gate.delay(1h);
    link.gate.limit_bytes_per_second(1);
    link.client.send(pattern(1000));
    link.gate.close_all();
    plain_socket another;
    REQUIRE(another.connect(link.gate.port()) == 0);
    link.gate.hold();
    link.gate.accept_nothing();
  }
  CHECK(steady_clock::now() - begin < 1500ms);
}
