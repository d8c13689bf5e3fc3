#include "dbs/runtime/redis/connection.hpp"

#include "actor/runtime/redis/scripted_redis.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/redis/redis.hpp"
#include "dbs/testing/eventually.hpp"
#include "dbs/testing/fixture/actor_fixture.hpp"

#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <random>

using namespace dbs;
using namespace dbs::tests;
using namespace std::chrono_literals;

namespace {

/// Owns a connection and does nothing: the test acts in its name.
struct owner_state {
  using actor_type = redis_actor;
  static inline const char* name = "dbs.tests.owner";

  explicit owner_state(loop_actor<actor_type>* ptr) : self(ptr) {}

  actor_type::behavior_type make_behavior() {
    return {[](ping_atom, const call_context&) { return std::string{}; }};
  }

  loop_actor<actor_type>* self;
  std::unique_ptr<redis::connection> connection;
};

struct fixture : testing::actor_fixture {
  fixture() {
    settings.target.address = {"127.0.0.1", peer.port()};
    auto handle = spawn_on_loop<owner_state>();
    using impl = caf::stateful_actor<owner_state, loop_actor<redis_actor>>;
    self = static_cast<impl*>(caf::actor_cast<caf::abstract_actor*>(handle));
    run();
  }

  /// Acts as the owner.
  template <class F>
  void as_owner(F fn) {
    self->enter([&] { fn(self->state.connection); });
  }

  void connect(redis::connection_limits limits = {}) {
    as_owner([&](auto& connection) {
      connection = std::make_unique<redis::connection>(self->io(), self->timers(), loop_entry{self},
                                                       settings, limits);
      connection->connect([this] { ready = true; },
                          [this](caf::error why) { closed.push_back(std::move(why)); });
    });
  }

  void connect_and_wait(redis::connection_limits limits = {}) {
    connect(limits);
    REQUIRE(until([this] { return ready; }));
  }

  /// Sends ECHO; the answer, or what failed, goes to `answers`.
  caf::error echo(std::string what, caf::timespan timeout = 1s) {
    caf::error refused;
    as_owner([&](auto& connection) {
      refused = connection->command({"ECHO", what}, timeout, [this](auto answer) {
        answers.push_back(answer ? std::string{(*answer)->str, (*answer)->len}
                                 : to_string(static_cast<errc>(answer.error().code())));
      });
    });
    return refused;
  }

  /// Runs everything until the condition holds. Sockets are real, so this waits.
  template <class Predicate>
  bool until(Predicate holds) {
    return testing::eventually([&] {
      run();
      return holds();
    });
  }

  scripted_redis peer{loop().io()};
  redis_settings settings;
  caf::stateful_actor<owner_state, loop_actor<redis_actor>>* self = nullptr;
  bool ready = false;
  std::vector<caf::error> closed;
  std::vector<std::string> answers;
};

using strings = std::vector<std::string>;

} // namespace

TEST_CASE_METHOD(fixture, "a connection logs in with what the target says") {
  settings.target.user = "alice";
  settings.target.password = secret{"geheim"};
  settings.target.db = 3;
  connect_and_wait();
  CHECK(peer.received() == std::vector<strings>{{"AUTH", "alice", "geheim"},
                                                {"SELECT", "3"},
                                                {"CLIENT", "SETNAME", "dbs"}});
}

TEST_CASE_METHOD(fixture, "a host name is looked up") {
  settings.target.address.host = "localhost";
  connect_and_wait();
}

TEST_CASE_METHOD(fixture, "a name that does not exist closes the connection") {
  settings.target.address.host = "no such host";
  connect();
  REQUIRE(until([this] { return !closed.empty(); }));
  CHECK(closed[0] == errc::connection_lost);
  CHECK(detail(closed[0]).what.starts_with("cannot resolve 'no such host'"));
}

TEST_CASE_METHOD(fixture, "replies come in the order of the commands") {
  connect_and_wait();
  for (auto* what : {"a", "b", "c"})
    CHECK(!echo(what));
  REQUIRE(until([this] { return answers.size() == 3; }));
  CHECK(answers == strings{"a", "b", "c"});
}

TEST_CASE_METHOD(fixture, "a command may time out, and its late reply is nobody else's") {
  connect_and_wait();
  // given a command that is not answered in time
  peer.answer_with(scripted_redis::mute);
  CHECK(!echo("late"));
  REQUIRE(until([this] { return peer.received("ECHO") == 1; }));
  advance(999ms);
  CHECK(answers.empty());
  advance(1ms);
  CHECK(answers == strings{"deadline_exceeded"});
  // when its reply comes behind the next command
  CHECK(!echo("next", 10s));
  REQUIRE(until([this] { return peer.received("ECHO") == 2; }));
  peer.say("$4\r\nlate\r\n$4\r\nnext\r\n");
  REQUIRE(until([this] { return answers.size() == 2; }));
  // then the next command gets its own, on the same connection
  CHECK(answers[1] == "next");
  CHECK(closed.empty());
  CHECK(peer.accepted() == 1);
}

TEST_CASE_METHOD(fixture, "the server's own error reaches the one it is for") {
  connect_and_wait();
  peer.answer_with([](auto&) { return "-WRONGTYPE not what\x01 you think\r\n"; });
  caf::error found;
  as_owner([&](auto& connection) {
    CHECK(!connection->command({"GET", "k"}, 1s, [&](auto answer) { found = answer.error(); }));
  });
  REQUIRE(until([&] { return static_cast<bool>(found); }));
  CHECK(found == errc::query_failed);
  CHECK(detail(found).what == "WRONGTYPE not what? you think");
  CHECK(detail(found).fields == std::vector<field>{{"redis_error", "WRONGTYPE"}});
}

TEST_CASE_METHOD(fixture, "a connect timeout ends an attempt and says what it waited for") {
  peer.answer_with([](auto&) { return ""; });
  connect();
  REQUIRE(until([this] { return peer.received("CLIENT") == 1; }));
  advance(settings.connect_timeout - 1ms);
  CHECK(closed.empty());
  advance(1ms);
  REQUIRE(closed.size() == 1);
  CHECK(closed[0] == errc::connection_lost);
  CHECK(detail(closed[0]).what.ends_with("within 2s (waited for login)"));
  CHECK(until([this] { return peer.open() == 0; }));
}

TEST_CASE_METHOD(fixture, "a malformed reply closes the connection; what was sent is in doubt") {
  connect_and_wait();
  peer.answer_with([](auto&) { return "HTTP/1.1 400 Bad Request\r\n"; });
  CHECK(!echo("a"));
  CHECK(!echo("b"));
  REQUIRE(until([this] { return closed.size() == 1; }));
  CHECK(closed[0] == errc::protocol_error);
  CHECK(answers == strings{"in_doubt", "in_doubt"});
  CHECK(echo("c") == errc::connection_lost);
  CHECK(until([this] { return peer.open() == 0; }));
}

TEST_CASE_METHOD(fixture, "a command that was not sent is known to be lost") {
  connect_and_wait();
  as_owner([&](auto& connection) {
    // The end comes before the turn in which the command would be written.
    connection->abort(fail(errc::connection_lost, "test"));
    CHECK(!connection->command({"ECHO", "a"}, 1s, [this](auto answer) {
      REQUIRE(!answer);
      CHECK(answer.error() == errc::connection_lost);
      answers.emplace_back("lost");
    }));
  });
  run();
  CHECK(answers == strings{"lost"});
  CHECK(closed.size() == 1);
}

TEST_CASE_METHOD(fixture, "a reply or a push that nobody asked for closes the connection") {
  auto bytes = GENERATE("+OK\r\n", ">1\r\n+x\r\n");
  connect_and_wait();
  peer.say(bytes);
  REQUIRE(until([this] { return closed.size() == 1; }));
  CHECK(closed[0] == errc::protocol_error);
}

TEST_CASE_METHOD(fixture, "a reply that is too large closes the connection") {
  redis::connection_limits limits;
  limits.replies.max_bytes = 1000;
  connect_and_wait(limits);
  CHECK(!echo(std::string(2000, 'x')));
  REQUIRE(until([this] { return closed.size() == 1; }));
  CHECK(closed[0] == errc::payload_too_large);
}

TEST_CASE_METHOD(fixture, "pending commands are bounded, the timed-out ones included") {
  redis::connection_limits limits;
  limits.max_pending = 2;
  connect_and_wait(limits);
  peer.answer_with(scripted_redis::mute);
  CHECK(!echo("a"));
  CHECK(!echo("b"));
  CHECK(echo("c") == errc::overloaded);
  advance(1s);
  CHECK(answers == strings{"deadline_exceeded", "deadline_exceeded"});
  CHECK(echo("d") == errc::overloaded);
  REQUIRE(until([this] { return peer.received("ECHO") == 2; }));
  peer.say("+a\r\n+b\r\n");
  REQUIRE(until([this] { return !echo("e"); }));
}

TEST_CASE_METHOD(fixture, "unsent bytes are bounded") {
  redis::connection_limits limits;
  limits.max_unsent_bytes = 1000;
  connect_and_wait(limits);
  CHECK(echo(std::string(1001, 'x')) == errc::overloaded);
  CHECK(!echo(std::string(900, 'x')));
  CHECK(echo(std::string(900, 'x')) == errc::overloaded);
  REQUIRE(until([this] { return answers.size() == 1; }));
  CHECK(!echo(std::string(900, 'x')));
}

TEST_CASE_METHOD(fixture, "a connection may be destroyed in its own callback") {
  connect_and_wait();
  as_owner([&](auto& connection) {
    auto destroy = [this](auto) {
      answers.emplace_back("destroyed");
      self->state.connection.reset();
    };
    CHECK(!connection->command({"ECHO", "a"}, 1s, destroy));
    CHECK(!connection->command({"ECHO", "b"}, 1s, destroy));
  });
  SECTION("by an answer") {}
  SECTION("by the end of the connection") {
    peer.hang_up();
  }
  // then nothing else is called, and the socket closes
  REQUIRE(until([this] { return !answers.empty(); }));
  REQUIRE(until([this] { return peer.open() == 0; }));
  CHECK(answers.size() == 1);
  CHECK(closed.empty());
}

TEST_CASE_METHOD(fixture, "whatever a server sends, every command ends, or the connection does") {
  std::minstd_rand random{Catch::getSeed()};
  redis::connection_limits limits;
  limits.replies = {.max_bytes = 4096, .max_line = 256, .max_elements = 64, .max_depth = 5};
  const std::string alphabet = "+-:$*%~#,_(=>\r\n\r\n\r\n0123456789abc";
  size_t broken = 0;
  for (int round = 0; round < 300; ++round) {
    peer.answer_with(scripted_redis::obliging);
    ready = false;
    closed.clear();
    answers.clear();
    connect_and_wait(limits);
    // given a server that answers with noise, some of it well formed
    peer.answer_with([&](auto&) {
      if (random() % 2 == 0)
        return std::string{"+OK\r\n"};
      std::string noise(random() % 40, ' ');
      for (auto& c : noise)
        c = random() % 16 == 0 ? static_cast<char>(random()) : alphabet[random() % alphabet.size()];
      return noise;
    });
    auto received = peer.received("ECHO");
    size_t sent = 0;
    for (int i = 0; i < 10; ++i)
      sent += echo("x") ? 0 : 1;
    // when the server has got them all, and time passes
    REQUIRE(until([&] { return !closed.empty() || peer.received("ECHO") == received + sent; }));
    run();
    advance(1s);
    // then every command has been answered, once
    CHECK(answers.size() == sent);
    broken += closed.empty() ? 0 : 1;
    peer.hang_up();
    REQUIRE(until([&] { return closed.size() == 1; }));
  }
  CHECK(broken > 100);
}
