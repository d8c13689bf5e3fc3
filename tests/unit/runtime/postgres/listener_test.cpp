// Subscriptions and events of a listener.
#include "listener_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace dbs;
using namespace dbs::postgres;
using namespace dbs::postgres::test;

namespace {

caf::error refused_statement(size_t index) {
  return fail(errc::query_failed, {"invalid byte sequence", {}, "22021", {statement_field(index)}});
}

} // namespace

TEST_CASE_METHOD(listener_fixture, "a listener that nobody uses has no connection") {
  (*this)->unlisten(1, "news");
  pass(60s);
  CHECK(server.opened == 0);
  CHECK(timers.size() == 0);
}

TEST_CASE_METHOD(listener_fixture, "listen is answered when LISTEN is in effect") {
  server.answers = false;
  auto request = listen(1, "news");
  serve();
  CHECK(connection().batch == texts{"LISTEN \"news\""});
  CHECK_FALSE(answered(request));
  connection().succeed();
  CHECK(succeeded(request));
  CHECK(core->heard() == 1);
  connection().notify("news", "hello");
  CHECK(heard() == texts{"1 news: hello"});
}

TEST_CASE_METHOD(listener_fixture, "a notification goes to those who listen to its channel") {
  listening(1, "news");
  listening(2, "news");
  listening(2, "prices");
  connection().notify("news", "a");
  connection().notify("prices", "b");
  connection().notify("nobody's", "c");
  CHECK(heard() == texts{"1 news: a", "2 news: a", "2 prices: b"});
  CHECK(notifications == 3);
}

TEST_CASE_METHOD(listener_fixture, "what is asked for while the connection is made goes together") {
  server.accepts = false;
  for (auto channel : {"a", "b", "c"})
    listen(1, channel);
  server.accepts = true;
  serve();
  CHECK(connection().batch == texts{"LISTEN \"a\"", "LISTEN \"b\"", "LISTEN \"c\""});
  CHECK(done.size() == 3);
  CHECK(connection().log.size() == 1);
}

TEST_CASE_METHOD(listener_fixture, "listening twice changes nothing") {
  listening(1, "news");
  auto again = listen(1, "news");
  CHECK(succeeded(again));
  connection().notify("news", "a");
  CHECK(heard() == texts{"1 news: a"});
  CHECK(core->figures().subscriptions == 1);
  CHECK(connection().log.size() == 1);
}

TEST_CASE_METHOD(listener_fixture, "unlisten ends the events, and the last one the connection") {
  listening(1, "news");
  listening(1, "prices");
  (*this)->unlisten(1, "news");
  connection().notify("news", "late");
  CHECK(heard().empty());
  serve();
  CHECK(connection().batch == texts{"UNLISTEN \"news\""});
  (*this)->unlisten(1, "prices");
  CHECK(server.connections.empty());
  CHECK(gone == std::vector<owner_id>{1});
  CHECK(subscriptions.empty());
  CHECK(timers.size() == 0);
}

TEST_CASE_METHOD(listener_fixture, "who listens again while UNLISTEN runs waits for a new LISTEN") {
  listening(1, "news");
  listening(1, "prices");
  server.answers = false;
  (*this)->unlisten(1, "news");
  auto again = listen(2, "news");
  connection().notify("news", "of the old LISTEN");
  CHECK(heard().empty());
  CHECK_FALSE(answered(again));
  connection().succeed();
  CHECK(connection().batch == texts{"LISTEN \"news\""});
  CHECK_FALSE(answered(again));
  connection().succeed();
  CHECK(succeeded(again));
}

TEST_CASE_METHOD(listener_fixture, "unlisten answers a listen that still waits") {
  server.accepts = false;
  auto request = listen(1, "news");
  (*this)->unlisten(1, "news");
  CHECK(failed(request, errc::invalid_argument));
  CHECK(server.connections.empty());
}

// -- sinks that are slow, or end ------------------------------------------------------

TEST_CASE_METHOD(listener_fixture, "a slow sink gets a gap in place of what it had no room for") {
  limits.window = 4;
  listening(1, "news");
  listening(2, "news");
  owed_answers.clear();
  auto notify = [this](int n) { connection().notify("news", std::to_string(n)); };
  for (int n = 1; n <= 6; ++n) {
    notify(n);
    core->acknowledge(2); // keeps up
  }
  CHECK(heard().size() == 4 + 6);
  CHECK(dropped == 2);
  CHECK(fell_behind == 1);
  core->acknowledge(1);
  notify(7); // there is room, but it would hide that two are missing
  core->acknowledge(2);
  CHECK(heard() == texts{"2 news: 7"});
  CHECK(dropped == 3);
  core->acknowledge(1);
  CHECK(heard() == texts{"1 news: gap"});
  notify(8);
  CHECK(heard() == texts{"1 news: 8", "2 news: 8"});
  CHECK(core->figures().unanswered == 4 + 1);
}

TEST_CASE_METHOD(listener_fixture, "a gap is owed for each channel once") {
  limits.window = 2;
  listening(1, "a");
  listening(1, "b");
  connection().notify("a", "1");
  connection().notify("a", "2");
  for (auto channel : {"b", "a", "a", "b"})
    connection().notify(channel, "3");
  heard();
  core->acknowledge(1);
  CHECK(heard() == texts{"1 a: gap"});
  core->acknowledge(1);
  CHECK(heard() == texts{"1 b: gap"});
  core->acknowledge(1);
  core->acknowledge(1);
  CHECK(heard().empty());
  CHECK(core->figures().unanswered == 0);
}

TEST_CASE_METHOD(listener_fixture, "nothing is owed for a channel that was given up") {
  limits.window = 1;
  listening(1, "a");
  listening(1, "b");
  connection().notify("a", "1");
  connection().notify("b", "2");
  heard();
  (*this)->unlisten(1, "b");
  core->acknowledge(1);
  CHECK(heard().empty());
}

TEST_CASE_METHOD(listener_fixture, "the death of a sink ends its subscriptions") {
  listening(1, "news");
  listening(1, "prices");
  listening(2, "prices");
  connection().notify("news", "a");
  (*this)->sink_down(1);
  CHECK(subscriptions == texts{"2 prices"});
  CHECK(gone == std::vector<owner_id>{1});
  CHECK(core->figures().unanswered == 0);
  core->acknowledge(1); // came too late
  serve();
  CHECK(connection().batch == texts{"UNLISTEN \"news\""});
  (*this)->sink_down(2);
  CHECK(server.connections.empty());
}

TEST_CASE_METHOD(listener_fixture, "a sink that has given up counts until its last answer") {
  listening(1, "news");
  connection().notify("news", "a");
  (*this)->unlisten(1, "news");
  CHECK(gone.empty());
  core->acknowledge(1);
  CHECK(gone == std::vector<owner_id>{1});
}

// -- what is refused ------------------------------------------------------------------

TEST_CASE_METHOD(listener_fixture, "names that are no channels are refused unsent") {
  CHECK(failed(listen(1, ""), errc::invalid_argument));
  CHECK(failed(listen(1, std::string(64, 'x')), errc::invalid_argument));
  CHECK(failed(listen(1, std::string("a\0b", 3)), errc::invalid_argument));
  CHECK(why(last_token) == "the name of a channel must not contain a zero byte");
  CHECK(server.opened == 0);
  listening(1, "Odd \"name\"");
  CHECK(connection().batch == texts{"LISTEN \"Odd \"\"name\"\"\""});
}

TEST_CASE_METHOD(listener_fixture, "behind a transaction pooler nobody can listen") {
  settings.transaction_pooler = true;
  auto request = listen(1, "news");
  CHECK(failed(request, errc::invalid_argument));
  CHECK(why(request).find("transaction_pooler") != std::string::npos);
  CHECK(server.opened == 0);
}

TEST_CASE_METHOD(listener_fixture, "channels and subscriptions are bounded") {
  limits.channels = 2;
  limits.subscriptions = 3;
  listening(1, "a");
  listening(1, "b");
  CHECK(failed(listen(1, "c"), errc::overloaded));
  listening(2, "a");
  CHECK(failed(listen(2, "b"), errc::overloaded));
  listening(2, "a"); // has it already
  (*this)->unlisten(1, "b");
  listening(2, "c"); // the room of b, though its UNLISTEN runs
  CHECK(core->figures().channels == 2);
}

TEST_CASE_METHOD(listener_fixture, "requests that wait are bounded") {
  limits.subscriptions = 2;
  server.accepts = false;
  listen(1, "a");
  listen(1, "a");
  CHECK(failed(listen(1, "a"), errc::overloaded));
  CHECK(core->figures().waiting == 2);
}

TEST_CASE_METHOD(listener_fixture, "a channel that the server refuses does not hold up others") {
  server.accepts = false;
  auto good = listen(1, "a");
  auto bad = listen(1, "b\xff");
  server.accepts = true;
  server.answers = false;
  serve();
  connection().fail_with(refused_statement(1));
  CHECK(failed(bad, errc::query_failed));
  CHECK_FALSE(answered(good));
  CHECK(connection().batch == texts{"LISTEN \"a\""});
  connection().succeed();
  CHECK(succeeded(good));
  CHECK(subscriptions == texts{"1 a"});
}

TEST_CASE_METHOD(listener_fixture,
                 "a channel that was heard before is not given up for a refusal") {
  listening(1, "news");
  connection().kill();
  server.answers = false;
  pass(50ms);
  connection().fail_with(
      fail(errc::query_failed, {"cannot execute LISTEN during recovery", {}, "25006", {}}));
  CHECK(subscriptions == texts{"1 news"});
  server.answers = true;
  pass(200ms);
  CHECK(heard() == texts{"1 news: gap"});
}

// -- deadlines ------------------------------------------------------------------------

TEST_CASE_METHOD(listener_fixture, "a listen whose deadline passes leaves nothing behind") {
  server.accepts = false;
  auto request = listen(1, "news", clock + 2s);
  pass(2s);
  CHECK(failed(request, errc::deadline_exceeded));
  CHECK(server.connections.empty());
  CHECK(gone == std::vector<owner_id>{1});
  CHECK(timers.size() == 0);
}

TEST_CASE_METHOD(listener_fixture, "a late listen does not end what is in effect already") {
  listening(1, "news");
  connection().kill();
  server.accepts = false;
  auto again = listen(1, "news", clock + 1s);
  pass(1s);
  CHECK(failed(again, errc::deadline_exceeded));
  CHECK(subscriptions == texts{"1 news"});
}

TEST_CASE_METHOD(listener_fixture, "without a deadline listen waits for the acquire timeout") {
  server.refusal = fail(errc::connection_lost, "connection refused");
  auto request = listen(1, "news");
  pass(9900ms);
  CHECK_FALSE(answered(request));
  pass(100ms);
  CHECK(failed(request, errc::connection_lost));
  CHECK(why(request).find("10 s") != std::string::npos);
  CHECK(why(request).find("connection refused") != std::string::npos);
}

TEST_CASE_METHOD(listener_fixture, "a wrong password is told at once") {
  server.refusal = fail(errc::connection_lost, {"password authentication failed", {}, "28P01", {}});
  auto request = listen(1, "news");
  serve();
  CHECK(failed(request, errc::connection_lost));
  CHECK(detail(done.at(request)).sqlstate == "28P01");
  CHECK(core->figures().subscriptions == 0);
}

TEST_CASE_METHOD(listener_fixture, "a listener that drains answers who waits and closes") {
  listening(1, "news");
  server.answers = false;
  auto request = listen(1, "prices");
  (*this)->drain();
  CHECK(failed(request, errc::draining));
  CHECK(server.connections.empty());
  CHECK(failed(listen(2, "news"), errc::draining));
}
