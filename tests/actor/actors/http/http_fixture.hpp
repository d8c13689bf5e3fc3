// The HTTP manager between a scripted supervisor, health manager, pool and cache, with real
// sockets on the loop of the fixture.
#pragma once

#include "dbs/actors/http/http.hpp"

#include "actor/actors/scripted_supervisor.hpp"
#include "unit/runtime/http/client.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/testing/eventually.hpp"
#include "dbs/testing/fixture/actor_fixture.hpp"
#include "dbs/testing/fixture/silent_logger.hpp"
#include "dbs/testing/scripted/scripted_cache.hpp"
#include "dbs/testing/servers/temporary_directory.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dbs::tests {

/// A health manager whose report the test writes.
struct scripted_health_state {
  using actor_type = health_actor;
  static inline const char* name = "dbs.tests.scripted_health";

  scripted_health_state(loop_actor<actor_type>* ptr, std::shared_ptr<services_health> what)
      : self(ptr), report(std::move(what)) {}

  actor_type::behavior_type make_behavior() {
    return {
        [this](report_atom, const call_context&) { return *report; },
        [this](refresh_atom, const call_context&) { return *report; },
    };
  }

  loop_actor<actor_type>* self;
  std::shared_ptr<services_health> report;
};

/// What the scripted pool has seen and says.
struct pool_script {
  std::function<caf::result<pg_result>(const pg_statement&)> run;
  pg_statement last;
  call_context last_context;
  /// Statements nobody answers.
  std::vector<reply<pg_result>> held;
  std::vector<pg_holder> holders;
};

struct scripted_pool_state {
  using actor_type = postgres_pool_actor;
  static inline const char* name = "dbs.tests.scripted_pool";

  scripted_pool_state(loop_actor<actor_type>* ptr, std::shared_ptr<pool_script> what)
      : self(ptr), script(std::move(what)) {}

  actor_type::behavior_type make_behavior() {
    auto refuse = [](auto&&...) -> caf::result<void> {
      return fail(errc::invalid_argument, "not in this script");
    };
    return {
        [this](execute_atom, const call_context& context,
               const pg_statement& statement) -> caf::result<pg_result> {
          script->last = statement;
          script->last_context = context;
          if (script->run)
            return script->run(statement);
          script->held.emplace_back(self);
          return reply<pg_result>::pending();
        },
        [](execute_atom, const call_context&, const pg_lease_statement&) -> caf::result<pg_result> {
          return fail(errc::invalid_argument, "not in this script");
        },
        [](execute_atom, const call_context&,
           const pg_batch&) -> caf::result<std::vector<pg_result>> {
          return fail(errc::invalid_argument, "not in this script");
        },
        [](checkout_atom, const call_context&, const pg_checkout&) -> caf::result<pg_lease> {
          return fail(errc::invalid_argument, "not in this script");
        },
        [refuse](release_atom, const call_context&, const pg_lease&) { return refuse(); },
        [refuse](begin_atom, const call_context&, const pg_transaction&) { return refuse(); },
        [refuse](commit_atom, const call_context&, const pg_lease&) { return refuse(); },
        [refuse](rollback_atom, const call_context&, const pg_lease&) { return refuse(); },
        [refuse](savepoint_atom, const call_context&, const pg_savepoint&) { return refuse(); },
        [](transfer_atom, const call_context&, const pg_transfer&) -> caf::result<pg_chunk> {
          return fail(errc::invalid_argument, "not in this script");
        },
        [](report_atom, const call_context&) { return pool_stats{}; },
        [this](holders_atom, const call_context&) { return script->holders; },
    };
  }

  loop_actor<actor_type>* self;
  std::shared_ptr<pool_script> script;
};

struct http_fixture : testing::actor_fixture {
  http_fixture() {
    options.settings.port = 0;
    options.settings.socket = (directory.path() / "dbsd.sock").string();
    options.configuration = R"({"mode": "test"})";
    supervisor->tree = {child("postgres_pool"), child("redis")};
    health->components = {{"postgres_pool", health_status::healthy, {}, {{"idle", int64_t{3}}}},
                          {"redis", health_status::healthy, {}, {}}};
    health->overall = health_status::healthy;
    health->ready = true;
  }

  static child_info child(const std::string& id) {
    child_info result;
    result.id = id;
    result.state = child_state::up;
    return result;
  }

  testing::pending_answer<void> start() {
    http = track(spawn_http(loop(), options));
    auto started = request<void>(http, start_atom_v, call_context{});
    run();
    return started;
  }

  void start_well() {
    auto started = start();
    REQUIRE(started.answered());
    REQUIRE(started.get());
  }

  /// Runs everything until the condition holds. Sockets are real, so this waits.
  bool until(const std::function<bool()>& holds) {
    return testing::eventually([&] {
      run();
      return holds();
    });
  }

  http_test::client over_tcp() { return http_test::connect_tcp(options.port->load()); }

  http_test::client over_unix() {
    return http_test::client{http_test::connect_unix(options.settings.socket)};
  }

  http_test::answer ask_over(http_test::client& client, std::string_view request) {
    client.send(request);
    return answer_of(client);
  }

  http_test::answer answer_of(http_test::client& client) {
    http_test::answer result;
    REQUIRE(until([&] {
      client.pull();
      result = http_test::take_answer(client.received);
      return result.status != 0;
    }));
    return result;
  }

  http_test::answer get(std::string_view path) {
    auto client = over_tcp();
    return ask_over(client, http_test::get(path));
  }

  http_test::answer admin_get(std::string_view path) {
    auto client = over_unix();
    return ask_over(client, http_test::get(path));
  }

  static std::string post(std::string_view path, std::string_view body) {
    return "POST " + std::string{path} +
           " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           std::string{body};
  }

  http_test::answer admin_post(std::string_view path, std::string_view body) {
    auto client = over_unix();
    return ask_over(client, post(path, body));
  }

  static nlohmann::json json(const http_test::answer& answer) {
    return nlohmann::json::parse(answer.body);
  }

  health_report health_of_http() {
    auto result = ask<health_report>(http, health_atom_v, call_context{});
    REQUIRE(result);
    return *result;
  }

  testing::temporary_directory directory{"http"};
  std::shared_ptr<supervisor_script> supervisor = std::make_shared<supervisor_script>();
  std::shared_ptr<services_health> health = std::make_shared<services_health>();
  std::shared_ptr<pool_script> pool = std::make_shared<pool_script>();
  testing::scripted_cache cache{*this};
  http_options options{{},
                       spawn_on_loop<scripted_supervisor_state>(supervisor),
                       spawn_on_loop<scripted_health_state>(health),
                       {{"", database_client{spawn_on_loop<scripted_pool_state>(pool)}}},
                       cache.client(),
                       std::make_shared<observe::registry>(),
                       testing::make_silent_logger(),
                       {}};
  manager_control_actor http;
};

} // namespace dbs::tests
