// A listener on a scripted server and a clock that stands still unless told.
#pragma once

#include "dbs/runtime/postgres/batch_rules.hpp"
#include "dbs/runtime/postgres/listener_core.hpp"

#include "pool_scripted_connection.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dbs::postgres::test {

using namespace std::chrono_literals;
using texts = std::vector<std::string>;

struct listener_fixture : listener_owner {
  using time_point = timer_queue::time_point;

  static constexpr time_point never = time_point::max();

  listener_fixture() { settings.acquire_timeout = 10s; }

  listener_core* operator->() {
    if (!core)
      core = std::make_unique<listener_core>(
          settings, limits, [this](auto& observer) { return server.make(observer); }, timers, *this,
          42);
    return core.get();
  }

  request_token listen(owner_id sink, const std::string& channel, time_point deadline = never) {
    (*this)->listen(++last_token, sink, channel, deadline);
    return last_token;
  }

  /// Listens, and the server does its part.
  void listening(owner_id sink, const std::string& channel) {
    auto token = listen(sink, channel);
    serve();
    if (!succeeded(token))
      throw std::logic_error("LISTEN is not in effect");
  }

  // -- answers ---------------------------------------------------------------------

  bool answered(request_token token) const { return done.contains(token); }
  bool succeeded(request_token token) const { return answered(token) && !done.at(token); }
  bool failed(request_token token, errc code) const {
    return answered(token) && done.at(token) == code;
  }
  std::string why(request_token token) const { return detail(done.at(token)).what; }

  /// What the sinks got since the last call: "1 news: hello", "2 news: gap".
  texts heard() { return std::exchange(events, {}); }

  // -- the server and the clock ----------------------------------------------------

  void serve() {
    while (server.step()) {
      // until it owes nothing
    }
  }

  void pass(caf::timespan time, bool serving = true) {
    constexpr caf::timespan step = 10ms;
    for (; time > 0s; time -= step) {
      clock += std::min(time, step);
      timers.expire(clock);
      if (serving)
        serve();
    }
  }

  scripted_connection& connection() { return *server.connections.at(0); }

  database_settings settings;
  listener_limits limits;
  time_point clock{};
  timer_queue timers{[this] { return clock; }, [](time_point) {}};
  scripted_server server;

  // -- what it was told --------------------------------------------------------------

  std::map<request_token, caf::error> done;
  texts events;
  texts subscriptions;
  std::vector<owner_id> gone;
  int dropped = 0;
  int fell_behind = 0;
  int notifications = 0;
  int heartbeats = 0;
  texts notices;

  void on_done(request_token token, caf::error reason) override {
    scripted_connection::demand(!done.contains(token), "answered twice");
    done[token] = std::move(reason);
  }

  void on_subscribed(owner_id sink, const std::string& channel) override {
    subscriptions.push_back(std::to_string(sink) + " " + channel);
  }

  void on_unsubscribed(owner_id sink, const std::string& channel) override {
    std::erase(subscriptions, std::to_string(sink) + " " + channel);
  }

  void on_sink_gone(owner_id sink) override { gone.push_back(sink); }

  void on_event(owner_id sink, const pg_event& event) override {
    auto gap = event.kind == pg_event_kind::gap;
    events.push_back(std::to_string(sink) + " " + event.channel + ": " +
                     (gap ? "gap" : std::string{event.payload.view()}));
    owed_answers.push_back(sink);
  }

  void on_dropped(owner_id, bool first) override {
    ++dropped;
    fell_behind += first ? 1 : 0;
  }

  void on_notification() override { ++notifications; }

  void on_notice(listener_event event, const postgres::connection&,
                 const caf::error& reason) override {
    auto name = event == listener_event::connected ? "connected"
                : event == listener_event::lost    ? "lost: "
                                                   : "connect_failed: ";
    notices.push_back(name + detail(reason).what);
  }

  void on_heartbeat(caf::timespan) override { ++heartbeats; }

  /// The sinks are done with all that they have got.
  void acknowledge_all() {
    for (auto sink : std::exchange(owed_answers, {}))
      core->acknowledge(sink);
  }

  std::vector<owner_id> owed_answers;
  request_token last_token = 0;
  // Last: it calls the above until its end.
  std::unique_ptr<listener_core> core;
};

} // namespace dbs::postgres::test
