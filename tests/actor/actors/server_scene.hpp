// Managers of PostgreSQL connections on a scripted server and on virtual time.
#pragma once

#include "unit/runtime/postgres/pool_scripted_connection.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/observe/log.hpp"
#include "dbs/runtime/observe/metrics.hpp"
#include "dbs/runtime/postgres/connection_environment.hpp"
#include "dbs/testing/fixture/actor_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dbs::tests {

using namespace std::chrono_literals;
using postgres::test::scripted_connection;
using postgres::test::scripted_server;

/// The lines of a log.
class log_lines {
public:
  std::shared_ptr<observe::logger> make() {
    log_settings settings;
    settings.level = "debug";
    observe::logger_options options;
    options.sink = [lines = lines_](std::string_view line) { lines->emplace_back(line); };
    auto result = observe::logger::make(settings, options);
    REQUIRE(result);
    log_ = std::move(*result);
    return log_;
  }

  /// The first line that contains the text; empty if there is none.
  std::string with(std::string_view text) const {
    REQUIRE(log_->wait_written());
    for (auto& line : *lines_)
      if (line.find(text) != std::string::npos)
        return line;
    return {};
  }

private:
  std::shared_ptr<observe::logger> log_;
  std::shared_ptr<std::vector<std::string>> lines_ = std::make_shared<std::vector<std::string>>();
};

struct server_scene : testing::actor_fixture {
  /// What makes a manager's connections.
  std::function<postgres::connection_ptr(postgres::connection_environment&,
                                         postgres::connection_observer&)>
  connections() {
    return [server = server, environment = environment_](auto& env, auto& obs) {
      *environment = &env;
      return server->make(obs);
    };
  }

  /// Lets actors run and the server do what it owes, but for the clock.
  void serve() {
    do {
      advance(0s);
    } while (with_server([this] { return server->step(); }));
    advance(0s);
  }

  /// Moves the clock in small steps; the server keeps up.
  void pass(caf::timespan time) {
    constexpr caf::timespan step = 50ms;
    serve();
    for (; time > 0s; time -= step) {
      advance(std::min(time, step));
      serve();
    }
  }

  /// The scripted connections call the manager: as their real siblings do, they enter
  /// it for that.
  template <class F>
  auto with_server(F what) -> decltype(what()) {
    if constexpr (std::is_void_v<decltype(what())>) {
      (*environment_)->enter(what);
      advance(0s);
    } else {
      decltype(what()) result{};
      if (!server->connections.empty())
        (*environment_)->enter([&] { result = what(); });
      return result;
    }
  }

  scripted_connection& connection() { return *server->connections.at(0); }

  std::shared_ptr<observe::registry> metrics = std::make_shared<observe::registry>();
  log_lines log;
  // Shared with the manager, which dies after this.
  std::shared_ptr<scripted_server> server = std::make_shared<scripted_server>();

private:
  std::shared_ptr<postgres::connection_environment*> environment_ =
      std::make_shared<postgres::connection_environment*>(nullptr);
};

/// True if the request was answered with that error.
template <class T>
bool failed(const testing::pending_answer<T>& answer, errc code) {
  return answer.answered() && !answer.get() && answer.get().error() == code;
}

template <class T>
bool succeeded(const testing::pending_answer<T>& answer) {
  return answer.answered() && answer.get();
}

} // namespace dbs::tests
