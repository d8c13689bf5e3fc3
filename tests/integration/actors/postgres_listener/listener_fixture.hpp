// A listener in front of a real PostgreSQL server, and sinks that write down.
#pragma once

#include "dbs/actors/client/blocking_ask.hpp"
#include "dbs/actors/client/listener_client.hpp"
#include "dbs/actors/postgres_listener/postgres_listener.hpp"
#include "dbs/testing/eventually.hpp"
#include "dbs/testing/fixture/silent_logger.hpp"
#include "dbs/testing/servers/private_postgres.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace dbs::tests {

using namespace std::chrono_literals;

/// Listens and unlistens as it is told, and writes down what it hears. Any thread.
class recording_sink {
public:
  recording_sink(caf::actor_system& system, postgres_listener_actor listener)
      : system_(system), shared_(std::make_shared<shared>()),
        actor_(system.spawn(run, listener_client{std::move(listener)}, shared_)) {}

  /// One that listens already.
  recording_sink(caf::actor_system& system, postgres_listener_actor listener,
                 const std::string& channel)
      : recording_sink(system, std::move(listener)) {
    REQUIRE_FALSE(listen(channel));
  }

  recording_sink(const recording_sink&) = delete;
  recording_sink& operator=(const recording_sink&) = delete;

  ~recording_sink() { stop(); }

  void stop() {
    if (actor_)
      caf::anon_send_exit(actor_, caf::exit_reason::user_shutdown);
    actor_ = nullptr;
  }

  /// Empty on success.
  caf::error listen(const std::string& channel) { return tell(listen_atom_v, channel); }
  caf::error unlisten(const std::string& channel) { return tell(unlisten_atom_v, channel); }

  /// How many events came, and all of them: "news: hello", "news: gap".
  size_t count() const {
    std::lock_guard guard{shared_->mutex};
    return shared_->heard.size();
  }

  std::vector<std::string> heard() const {
    std::lock_guard guard{shared_->mutex};
    return shared_->heard;
  }

  int64_t count_of(const std::string& what) const {
    auto all = heard();
    return std::count(all.begin(), all.end(), what);
  }

  int32_t last_pid() const {
    std::lock_guard guard{shared_->mutex};
    return shared_->last_pid;
  }

  /// Waits for exactly these, in this order, and nothing before them.
  bool hears(const std::vector<std::string>& what, std::chrono::milliseconds within = 20s) const {
    return testing::eventually([&] { return heard() == what; }, within);
  }

  /// It answers no event until it is released.
  void hold() { REQUIRE_FALSE(tell(true)); }
  void release() { REQUIRE_FALSE(tell(false)); }

private:
  struct shared {
    mutable std::mutex mutex;
    std::vector<std::string> heard;                      // guarded by mutex
    int32_t last_pid = 0;                                // guarded by mutex
    bool held = false;                                   // of the actor
    std::vector<caf::typed_response_promise<void>> owed; // of the actor
  };

  static caf::behavior run(caf::event_based_actor* self, const listener_client& listener,
                           const std::shared_ptr<shared>& state) {
    auto pass_on = [self](auto pending) {
      auto promise = self->make_response_promise<void>();
      std::move(pending).then([promise]() mutable { promise.deliver(); },
                              [promise](const caf::error& why) mutable { promise.deliver(why); });
      return promise;
    };
    return {
        [=](listen_atom, const std::string& channel) -> caf::result<void> {
          return pass_on(listener.listen(self, channel));
        },
        [=](unlisten_atom, const std::string& channel) -> caf::result<void> {
          return pass_on(listener.unlisten(self, channel));
        },
        [=](bool held) {
          state->held = held;
          for (auto& x : std::exchange(state->owed, {}))
            x.deliver();
        },
        [=](const pg_event& event) -> caf::result<void> {
          {
            std::lock_guard guard{state->mutex};
            auto gap = event.kind == pg_event_kind::gap;
            state->heard.push_back(event.channel + ": " +
                                   (gap ? "gap" : std::string{event.payload.view()}));
            state->last_pid = event.backend_pid;
          }
          if (!state->held)
            return caf::unit;
          auto promise = self->make_response_promise<void>();
          state->owed.push_back(promise);
          return promise;
        },
    };
  }

  template <class... Ts>
  caf::error tell(const Ts&... xs) {
    caf::scoped_actor self{system_};
    caf::error result;
    self->request(actor_, 60s, xs...)
        .receive([] {}, [&result](const caf::error& why) { result = why; });
    return result;
  }

  caf::actor_system& system_;
  std::shared_ptr<shared> shared_;
  caf::actor actor_;
};

/// The server, the system, the loop and the listener, stopped in the right order.
class listener_fixture {
public:
  explicit listener_fixture(testing::private_postgres_options server_options = {})
      : server(std::move(server_options)), system(config),
        loop(system, "test", event_loop::drive::lent) {
    settings.target.hosts = {{"127.0.0.1", server.port()}};
    settings.target.user = server.options().superuser;
    settings.target.dbname = server.options().database;
  }

  ~listener_fixture() {
    if (listener)
      caf::anon_send_exit(listener, caf::exit_reason::user_shutdown);
    listener = nullptr;
    system.await_all_actors_done();
    loop.stop();
  }

  void start() {
    postgres_listener_options options;
    options.settings = settings;
    options.limits = limits;
    options.metrics = std::make_shared<observe::registry>();
    options.log = testing::make_silent_logger();
    listener = spawn_postgres_listener(loop, std::move(options));
    caf::scoped_actor self{system};
    REQUIRE(blocking_ask<void>(self, {}, listener, start_atom_v));
  }

  recording_sink make_sink() { return recording_sink{system, listener}; }

  /// A sink that listens to one channel already.
  recording_sink listening(const std::string& channel) {
    return recording_sink{system, listener, channel};
  }

  void notify(const std::string& channel, const std::string& payload) {
    server.psql("select pg_notify('" + channel + "', '" + payload + "')");
  }

  int64_t stat(const std::string& name) {
    caf::scoped_actor self{system};
    auto report = blocking_ask<stats_report>(self, {}, listener, stats_atom_v);
    REQUIRE(report);
    for (auto& x : report->fields)
      if (x.name == name)
        return std::get<int64_t>(x.value);
    FAIL("there is no " << name);
    return 0;
  }

  /// What the listener's session is, as the server sees it; empty if there is none.
  std::string session_pid() {
    return server.psql("select pid from pg_stat_activity where application_name = 'dbs'");
  }

  testing::private_postgres server;
  database_settings settings;
  postgres::listener_limits limits;
  caf::actor_system_config config;
  caf::actor_system system;
  event_loop loop;
  postgres_listener_state::actor_type listener;
};

} // namespace dbs::tests
