// The connection of a listener: losses, gaps, heartbeats.
#include "listener_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <deque>
#include <random>
#include <set>

using namespace dbs;
using namespace dbs::postgres;
using namespace dbs::postgres::test;

TEST_CASE_METHOD(listener_fixture, "after a loss each sink hears of a gap in each channel, once") {
  listening(1, "a");
  listening(1, "b");
  listening(2, "b");
  connection().kill();
  CHECK(core->heard() == 0);
  pass(1s);
  CHECK(heard() == texts{"1 a: gap", "1 b: gap", "2 b: gap"});
  CHECK(core->heard() == 2);
  connection().notify("b", "new");
  pass(60s);
  CHECK(heard() == texts{"1 b: new", "2 b: new"});
}

TEST_CASE_METHOD(listener_fixture, "the gap comes before what is notified after it") {
  listening(1, "news");
  connection().kill();
  server.answers = false;
  pass(50ms);
  auto fresh = listen(2, "news");
  // The server sends it with the answer to LISTEN, and libpq has it first.
  connection().notify("news", "a");
  CHECK(heard() == texts{"1 news: gap", "1 news: a", "2 news: a"});
  CHECK(succeeded(fresh));
  connection().succeed();
  CHECK(heard().empty());
}

TEST_CASE_METHOD(listener_fixture, "who begins to listen while the server is away misses nothing") {
  listening(1, "news");
  connection().kill();
  auto request = listen(2, "news");
  pass(1s);
  CHECK(succeeded(request));
  CHECK(heard() == texts{"1 news: gap"});
}

TEST_CASE_METHOD(listener_fixture, "a loss while LISTEN runs is repeated, not answered") {
  server.answers = false;
  auto request = listen(1, "news");
  serve();
  connection().kill();
  CHECK_FALSE(answered(request));
  server.answers = true;
  pass(1s);
  CHECK(succeeded(request));
  CHECK(heard().empty()); // nothing was promised before
}

TEST_CASE_METHOD(listener_fixture, "connects are repeated with growing delays, up to a second") {
  listening(1, "news");
  server.refusal = fail(errc::connection_lost, "connection refused");
  connection().kill();
  pass(1s);
  CHECK(server.opened > 3);
  CHECK(server.opened < 8);
  auto before = server.opened;
  pass(10s);
  CHECK(server.opened - before >= 10);
  CHECK(server.opened - before <= 12);
  CHECK(heard().empty());
  server.refusal.reset();
  pass(1s);
  CHECK(heard() == texts{"1 news: gap"});
}

TEST_CASE_METHOD(listener_fixture, "a server that accepts and hangs up does not keep it busy") {
  listening(1, "news");
  for (int i = 0; i < 100; ++i) {
    if (!server.connections.empty())
      connection().kill();
    pass(10ms);
  }
  CHECK(server.opened < 25);
}

TEST_CASE_METHOD(listener_fixture, "a gap that is owed twice is told once") {
  limits.window = 1;
  listening(1, "news");
  connection().notify("news", "1");
  connection().notify("news", "2");
  CHECK(heard() == texts{"1 news: 1"});
  connection().kill();
  pass(1s);
  CHECK(heard().empty());
  core->acknowledge(1);
  CHECK(heard() == texts{"1 news: gap"});
  core->acknowledge(1);
  CHECK(heard().empty());
}

TEST_CASE_METHOD(listener_fixture, "what an earlier life was subscribed to hears of a gap") {
  (*this)->restore(1, "news");
  serve();
  CHECK(heard() == texts{"1 news: gap"});
  connection().notify("news", "a");
  CHECK(heard() == texts{"1 news: a"});
}

// -- heartbeats -----------------------------------------------------------------------

TEST_CASE_METHOD(listener_fixture, "a quiet connection is asked whether it lives") {
  listening(1, "news");
  pass(14900ms);
  CHECK(heartbeats == 0);
  pass(100ms);
  CHECK(heartbeats == 1);
  CHECK(connection().log.back() == "SELECT 1");
  pass(60s);
  CHECK(heartbeats == 5);
  CHECK(server.opened == 1);
}

TEST_CASE_METHOD(listener_fixture, "a notification is a sign of life") {
  listening(1, "news");
  for (int i = 0; i < 10; ++i) {
    pass(10s);
    connection().notify("news", "a");
  }
  CHECK(heartbeats == 0);
  pass(15s);
  CHECK(heartbeats == 1);
}

TEST_CASE_METHOD(listener_fixture, "without an answer the connection is given up and made anew") {
  listening(1, "news");
  server.answers = false;
  pass(15s + 4900ms);
  CHECK(server.opened == 1);
  pass(100ms);
  CHECK(notices.back() == "lost: the server has not answered within 5 s");
  CHECK(core->heard() == 0);
  server.answers = true;
  pass(1s);
  CHECK(server.opened == 2);
  CHECK(heard() == texts{"1 news: gap"});
}

TEST_CASE_METHOD(listener_fixture, "LISTEN has to be answered as well") {
  server.answers = false;
  auto request = listen(1, "news");
  pass(5s + 100ms);
  CHECK(notices.back() == "connected");
  CHECK(server.opened == 2);
  server.answers = true;
  serve();
  CHECK(succeeded(request));
}

TEST_CASE_METHOD(listener_fixture, "listening while a heartbeat runs waits for its answer") {
  listening(1, "news");
  server.answers = false;
  pass(15s);
  auto request = listen(1, "prices");
  CHECK(connection().running == "SELECT 1");
  server.answers = true;
  serve();
  CHECK(succeeded(request));
}

// -- whoever reloads at a gap is never left behind ---------------------------------------

namespace {

/// Sinks that keep a copy of what each channel is about: they read it when they begin to
/// listen and at a gap, and take what a notification says.
struct copies : listener_fixture {
  static constexpr owner_id sinks = 4;
  static constexpr int channels = 3;

  /// What a sink gets to know, in this order.
  struct letter {
    enum class kind { answer, event, ended } what;
    std::string channel;
    /// What the channel is about, as a notification says; read when there is none.
    std::optional<int> said;
  };

  std::minstd_rand random;
  std::map<std::string, int> truth;
  std::map<std::pair<owner_id, std::string>, int> copy;
  std::map<owner_id, std::deque<letter>> mail;
  std::map<request_token, std::pair<owner_id, std::string>> asked;
  /// What the session listens to.
  std::set<std::string> session;
  bool committed = false;

  explicit copies(uint32_t seed) : random(seed) { limits.window = 3; }

  int pick(int n) { return std::uniform_int_distribution<int>{0, n - 1}(random); }
  std::string channel() { return std::string(1, static_cast<char>('a' + pick(channels))); }
  owner_id sink() { return static_cast<owner_id>(1 + pick(sinks)); }
  scripted_connection* open() {
    return !server.connections.empty() && connection().open ? &connection() : nullptr;
  }

  void on_done(request_token token, caf::error reason) override {
    auto& [who, what] = asked.at(token);
    if (!reason)
      mail[who].push_back({letter::kind::answer, what, {}});
  }

  void on_unsubscribed(owner_id who, const std::string& what) override {
    mail[who].push_back({letter::kind::ended, what, {}});
  }

  void on_event(owner_id who, const pg_event& event) override {
    std::optional<int> said;
    if (event.kind == pg_event_kind::notification)
      said = std::stoi(std::string{event.payload.view()});
    auto& box = mail[who];
    box.push_back({letter::kind::event, event.channel, said});
    auto events_in_it = std::count_if(
        box.begin(), box.end(), [](const letter& x) { return x.what == letter::kind::event; });
    scripted_connection::demand(static_cast<size_t>(events_in_it) <= limits.window,
                                "beyond the window");
  }

  void read_mail(owner_id who) {
    if (mail[who].empty())
      return;
    auto [kind, what, said] = mail[who].front();
    mail[who].pop_front();
    if (kind == letter::kind::ended)
      copy.erase({who, what});
    else if (kind == letter::kind::answer || copy.contains({who, what}))
      copy[{who, what}] = said.value_or(truth[what]);
    if (kind == letter::kind::event)
      core->acknowledge(who);
  }

  /// The server runs what it was sent: from here on it notifies.
  void commit() {
    auto* now = open();
    if (now == nullptr || !now->running || std::exchange(committed, true))
      return;
    for (auto& x : now->batch) {
      auto name = x.substr(x.find('"') + 1, 1);
      if (x.starts_with("LISTEN"))
        session.insert(name);
      else
        session.erase(name);
    }
  }

  void answer() {
    if (auto* now = open(); now != nullptr && now->running) {
      if (now->running != "SELECT 1")
        commit();
      committed = false;
      now->succeed();
    }
  }

  void step() {
    switch (pick(12)) {
    case 0:
    case 1: {
      auto who = sink();
      auto what = channel();
      asked[last_token + 1] = {who, what};
      listen(who, what, pick(4) == 0 ? clock + 100ms : never);
      break;
    }
    case 2:
      (*this)->unlisten(sink(), channel());
      break;
    case 3:
      if (auto* now = open(); now != nullptr && pick(3) == 0)
        now->kill();
      break;
    case 4:
      if (!server.connections.empty() && connection().connecting) {
        session.clear();
        committed = false;
        connection().accept();
      }
      break;
    case 5:
      if (auto* now = open(); now != nullptr && now->running != "SELECT 1")
        commit();
      break;
    case 6:
      answer();
      break;
    case 7:
      pass(static_cast<caf::timespan>(std::chrono::milliseconds{pick(200)}), false);
      break;
    case 8:
    case 9:
      read_mail(sink());
      break;
    default: {
      auto what = channel();
      auto now_is = ++truth[what];
      if (auto* now = open(); now != nullptr && session.contains(what))
        now->notify(what, std::to_string(now_is));
    }
    }
  }

  void settle() {
    for (int i = 0; i < 200; ++i) {
      if (!server.connections.empty() && connection().connecting) {
        session.clear();
        committed = false;
        connection().accept();
      }
      answer();
      for (owner_id who = 1; who <= sinks; ++who)
        while (!mail[who].empty())
          read_mail(who);
      pass(10ms, false);
    }
  }
};

} // namespace

TEST_CASE("at random: whoever reads again at a gap has the truth in the end") {
  for (uint32_t seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    copies scene{seed};
    (void)scene->figures();
    for (int i = 0; i < 400; ++i)
      scene.step();
    scene.settle();
    auto subscriptions = scene->figures().subscriptions;
    CHECK(subscriptions == scene.copy.size());
    for (auto& [who, value] : scene.copy) {
      INFO("sink " << who.first << ", channel " << who.second);
      CHECK(value == scene.truth[who.second]);
    }
  }
}
