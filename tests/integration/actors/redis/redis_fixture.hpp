// A Redis client on a loop that is served as in a program of ours, and a server to go with
// it.
#pragma once

#include "dbs/actors/client/redis_client.hpp"
#include "dbs/actors/redis/redis.hpp"
#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/caf/program_config.hpp"
#include "dbs/testing/eventually.hpp"
#include "dbs/testing/fixture/silent_logger.hpp"
#include "dbs/testing/servers/private_redis.hpp"

#include <caf/scoped_actor.hpp>

#include <algorithm>
#include <string>

namespace dbs::tests {

struct redis_fixture {
  explicit redis_fixture(const testing::private_redis_options& options = {}) : server(options) {
    settings.target.address = {server.host(), server.port()};
  }

  ~redis_fixture() {
    stop();
    loop.stop();
  }

  void stop() {
    if (redis) {
      self->send_exit(redis, caf::exit_reason::user_shutdown);
      self->wait_for(redis);
    }
    redis = nullptr;
  }

  /// Requests are infinite inside; the test's patience is the bound.
  template <class T, class... Ts>
  caf::expected<T> ask(Ts... xs) {
    caf::expected<T> result{caf::sec::runtime_error};
    auto pending = self->request(redis, std::chrono::seconds{30}, xs...);
    if constexpr (std::is_void_v<T>)
      pending.receive([&] { result = caf::unit; }, [&](caf::error& e) { result = std::move(e); });
    else
      pending.receive([&](T& x) { result = std::move(x); },
                      [&](caf::error& e) { result = std::move(e); });
    return result;
  }

  caf::expected<void> start() {
    stop();
    redis = spawn_redis(loop, {settings, std::make_shared<observe::registry>(),
                               testing::make_silent_logger(), limits});
    return ask<void>(start_atom_v, call_context{});
  }

  health_report health() { return *ask<health_report>(health_atom_v, call_context{}); }

  bool until(health_status status,
             std::chrono::milliseconds within = std::chrono::milliseconds{10'000}) {
    return testing::eventually([&] { return health().status == status; }, within);
  }

  int64_t stat(std::string_view name) {
    auto report = ask<stats_report>(stats_atom_v, call_context{});
    for (auto& x : report->fields)
      if (x.name == name)
        return std::get<int64_t>(x.value);
    return -1;
  }

  template <class... Ts>
  caf::expected<redis_reply> command(std::string_view name, const Ts&... words) {
    return run(make_redis_command(name, words...));
  }

  caf::expected<redis_reply> run(redis_command what) {
    return ask<redis_reply>(command_atom_v, call_context{}, std::move(what));
  }

  /// The text of the reply, or the error.
  template <class... Ts>
  std::string text(std::string_view name, const Ts&... words) {
    auto reply = command(name, words...);
    return reply ? std::string{reply->text()} : describe(reply.error());
  }

  /// Our connections, as the server lists them.
  size_t connections() {
    auto list = server.cli({"client", "list"});
    size_t result = 0;
    for (auto at = list.find("name=dbs "); at != std::string::npos;
         at = list.find("name=dbs ", at + 1))
      ++result;
    return result;
  }

  testing::private_redis server;
  program_config config;
  caf::actor_system system{config};
  event_loop loop{system, "redis", event_loop::drive::lent};
  caf::scoped_actor self{system};
  redis_settings settings;
  redis::client_limits limits;
  redis_state::actor_type redis;
};

} // namespace dbs::tests
