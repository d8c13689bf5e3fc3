// The listener as an actor: who gets events, how many, and what is left of whom.
#include "actor/actors/server_scene.hpp"

#include "dbs/actors/client/listener_client.hpp"
#include "dbs/actors/postgres_listener/postgres_listener.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <catch2/catch_test_macros.hpp>

#include <deque>

using namespace dbs;
using namespace dbs::tests;
using texts = std::vector<std::string>;

namespace {

/// What happened to a sink, and what it does.
struct sink_record {
  texts heard;
  /// Answers events when it is told to, not at once.
  bool slow = false;
  std::deque<caf::typed_response_promise<void>> owed;
  /// Answers of the listener: "ok", or the error.
  texts answers;
};

using record_ptr = std::shared_ptr<sink_record>;

/// Listens and unlistens as it is told, and writes down what it hears.
caf::behavior sink(caf::event_based_actor* self, const postgres_listener_actor& listener,
                   const record_ptr& record) {
  auto done = [record] { record->answers.emplace_back("ok"); };
  auto failed = [record](const caf::error& why) { record->answers.push_back(describe(why)); };
  listener_client client{listener};
  return {
      [=](listen_atom, const std::string& channel) {
        client.listen(self, channel).then(done, failed);
      },
      [=](unlisten_atom, const std::string& channel) {
        client.unlisten(self, channel).then(done, failed);
      },
      [=](const pg_event& event) -> caf::result<void> {
        auto gap = event.kind == pg_event_kind::gap;
        record->heard.push_back(event.channel + ": " +
                                (gap ? "gap" : std::string{event.payload.view()}));
        if (record->heard.back().ends_with("stop"))
          client.unlisten(self, event.channel).then(done, failed);
        auto answer = self->make_response_promise<void>();
        record->owed.push_back(answer);
        if (!record->slow) {
          record->owed.back().deliver();
          record->owed.pop_back();
        }
        return answer;
      },
  };
}

struct listener_scene : server_scene {
  void spawn() {
    postgres_listener_options options;
    options.settings = settings;
    options.metrics = metrics;
    options.log = log.make();
    options.limits = limits;
    options.subscriptions = subscriptions;
    options.make_connection = connections();
    listener = track(spawn_postgres_listener(loop(), std::move(options)));
    REQUIRE(ask<void>(listener, start_atom_v, call_context{}));
  }

  listener_scene() { spawn(); }

  struct sink_handle {
    caf::actor actor;
    record_ptr record;

    texts heard() const { return std::exchange(record->heard, {}); }
  };

  sink_handle make_sink() {
    auto record = std::make_shared<sink_record>();
    return {track(sys().spawn(sink, postgres_listener_actor{listener}, record)), record};
  }

  template <class Verb>
  void tell(const sink_handle& who, Verb verb, const std::string& channel) {
    caf::anon_send(who.actor, verb, channel);
    serve();
  }

  sink_handle listening(const std::string& channel) {
    auto result = make_sink();
    tell(result, listen_atom_v, channel);
    REQUIRE(result.record->answers == texts{"ok"});
    return result;
  }

  void notify(const std::string& channel, const std::string& payload) {
    with_server([&] { connection().notify(channel, payload); });
    serve();
  }

  /// One event that the sink owes is answered.
  void answer_one(const sink_handle& who) {
    who.record->owed.front().deliver();
    who.record->owed.pop_front();
    serve();
  }

  health_report health() { return *ask<health_report>(listener, health_atom_v, call_context{}); }

  field::value_type stat(const std::string& name) {
    auto report = ask<stats_report>(listener, stats_atom_v, call_context{});
    for (auto& x : report->fields)
      if (x.name == name)
        return x.value;
    return std::string{"there is none"};
  }

  database_settings settings;
  postgres::listener_limits limits;
  std::shared_ptr<listener_subscriptions> subscriptions =
      std::make_shared<listener_subscriptions>();
  postgres_listener_state::actor_type listener;
};

} // namespace

TEST_CASE_METHOD(listener_scene, "an unused listener is ready and healthy, and does nothing") {
  CHECK(ask<void>(listener, ready_atom_v, call_context{}));
  pass(1s);
  CHECK(server->opened == 0);
  CHECK(pending_timers() == 0);
  CHECK(health().status == health_status::healthy);
  auto refused = ask<void>(listener, resize_atom_v, call_context{}, resize_request{"pool_size", 2});
  CHECK(refused.error() == errc::invalid_argument);
}

TEST_CASE_METHOD(listener_scene, "events come to those who listen until they unlisten") {
  auto one = listening("news");
  auto two = listening("news");
  notify("news", "a");
  tell(two, unlisten_atom_v, "news");
  notify("news", "b");
  CHECK(one.heard() == texts{"news: a", "news: b"});
  CHECK(two.heard() == texts{"news: a"});
  CHECK(two.record->answers == texts{"ok", "ok"});
  CHECK(stat("notifications") == field::value_type{int64_t{2}});
  CHECK(stat("delivered") == field::value_type{int64_t{3}});
  CHECK(stat("unanswered") == field::value_type{int64_t{0}});
}

TEST_CASE_METHOD(listener_scene, "a listen is answered late, not before LISTEN is in effect") {
  server->answers = false;
  auto one = make_sink();
  tell(one, listen_atom_v, "news");
  CHECK(one.record->answers.empty());
  CHECK(health().status == health_status::degraded);
  server->answers = true;
  serve();
  CHECK(one.record->answers == texts{"ok"});
  CHECK(health().status == health_status::healthy);
}

TEST_CASE_METHOD(listener_scene, "the mail of a slow sink is bounded, and it hears of a gap") {
  auto slow = listening("news");
  auto quick = listening("news");
  slow.record->slow = true;
  auto window = static_cast<int>(limits.window);
  for (int i = 0; i < 10 * window; ++i)
    notify("news", "x");
  CHECK(quick.record->heard.size() == static_cast<size_t>(10 * window));
  CHECK(slow.heard().size() == limits.window);
  CHECK(stat("dropped") == field::value_type{int64_t{9 * window}});
  CHECK(stat("unanswered") == field::value_type{int64_t{window}});
  CHECK(!log.with("a sink is slow").empty());
  for (int i = 0; i < window / 2; ++i) {
    CHECK(slow.heard().empty());
    answer_one(slow);
  }
  CHECK(slow.heard() == texts{"news: gap"});
  notify("news", "y");
  CHECK(slow.heard() == texts{"news: y"});
}

TEST_CASE_METHOD(listener_scene, "a sink that dies is forgotten, and the connection goes with it") {
  auto one = listening("news");
  one.record->slow = true;
  notify("news", "a");
  caf::anon_send_exit(one.actor, caf::exit_reason::user_shutdown);
  serve();
  CHECK(server->connections.empty());
  CHECK(subscriptions->empty());
  CHECK(stat("subscriptions") == field::value_type{int64_t{0}});
  CHECK(stat("unanswered") == field::value_type{int64_t{0}});
  CHECK(stat("refused") == field::value_type{int64_t{0}});
}

TEST_CASE_METHOD(listener_scene, "a subscription keeps its sink alive, and its end lets it go") {
  auto record = std::make_shared<sink_record>();
  auto alone = [&] {
    auto only = sys().spawn(sink, postgres_listener_actor{listener}, record);
    caf::anon_send(only, listen_atom_v, std::string{"news"});
    serve();
    return only.address();
  }();
  auto alive = [&] { return caf::actor_cast<caf::strong_actor_ptr>(alone) != nullptr; };
  CHECK(alive());
  notify("news", "stop");
  CHECK(record->heard == texts{"news: stop"});
  CHECK_FALSE(alive());
  CHECK(server->connections.empty());
}

TEST_CASE_METHOD(listener_scene, "an actor that does not know events is told on in the log") {
  auto record = std::make_shared<sink_record>();
  auto stranger = track(sys().spawn([this, record](caf::event_based_actor* self) -> caf::behavior {
    listener_client{listener}.listen(self, "news").then([] {}, [](const caf::error&) {});
    return {[](int) {}};
  }));
  serve();
  auto other = listening("news");
  notify("news", "a");
  CHECK(other.heard() == texts{"news: a"});
  CHECK(stat("refused") == field::value_type{int64_t{1}});
  CHECK(stat("unanswered") == field::value_type{int64_t{0}});
  CHECK(!log.with("a sink has refused an event").empty());
}

TEST_CASE_METHOD(listener_scene, "a listen without a sender is refused") {
  anon_mail(listen_atom_v, call_context{}, std::string{"news"}).send(listener);
  serve();
  CHECK(server->opened == 0);
}

TEST_CASE_METHOD(listener_scene, "a lost connection is made again and tells of a gap") {
  auto one = listening("news");
  server->refusal = fail(errc::connection_lost, "connection refused");
  with_server([this] { connection().kill(); });
  pass(2s);
  CHECK(one.heard().empty());
  auto report = health();
  CHECK(report.status == health_status::degraded);
  CHECK(report.detail.find("connection refused") != std::string::npos);
  CHECK(!log.with("lost").empty());
  server->refusal.reset();
  pass(2s);
  CHECK(one.heard() == texts{"news: gap"});
  CHECK(health().status == health_status::healthy);
  CHECK(stat("connections.lost") == field::value_type{int64_t{1}});
  CHECK(stat("connections.opened") == field::value_type{int64_t{2}});
}

TEST_CASE_METHOD(listener_scene, "a server that hangs is noticed by the heartbeat") {
  auto one = listening("news");
  pass(15s);
  CHECK(connection().log.back() == "SELECT 1");
  server->answers = false;
  pass(15s + 6s);
  CHECK(one.heard().empty());
  CHECK(server->opened == 2);
  CHECK(health().status == health_status::degraded);
  server->answers = true;
  pass(6s);
  CHECK(one.heard() == texts{"news: gap"});
}

TEST_CASE_METHOD(listener_scene, "a deadline is kept while the server is away") {
  server->accepts = false;
  auto late =
      request<void>(listener, listen_atom_v, call_context::within(now(), 2s), std::string{"news"});
  pass(1900ms);
  CHECK_FALSE(late.answered());
  pass(200ms);
  CHECK(failed(late, errc::deadline_exceeded));
  CHECK(server->connections.empty());
}

TEST_CASE_METHOD(listener_scene, "the next incarnation goes on, and its sinks hear of a gap") {
  auto one = listening("news");
  auto two = listening("prices");
  server->answers = false;
  auto waiting = request<void>(listener, listen_atom_v, call_context{}, std::string{"more"});
  serve();
  caf::anon_send_exit(listener, caf::exit_reason::kill);
  serve();
  CHECK(failed(waiting, errc::restarted));
  CHECK(server->connections.empty());
  server->answers = true;
  spawn();
  serve();
  CHECK(one.heard() == texts{"news: gap"});
  CHECK(two.heard() == texts{"prices: gap"});
  notify("news", "a");
  CHECK(one.heard() == texts{"news: a"});
  CHECK(subscriptions->size() == 2);
}

TEST_CASE_METHOD(listener_scene, "a listener that drains answers who waits and closes") {
  auto one = listening("news");
  server->answers = false;
  auto waiting = request<void>(listener, listen_atom_v, call_context{}, std::string{"more"});
  serve();
  CHECK(ask<void>(listener, drain_atom_v, call_context{}));
  CHECK(failed(waiting, errc::draining));
  CHECK(server->connections.empty());
  auto refused = request<void>(listener, listen_atom_v, call_context{}, std::string{"news"});
  serve();
  CHECK(failed(refused, errc::draining));
}
