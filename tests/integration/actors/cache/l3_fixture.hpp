// The third level in front of a real pool and PostgreSQL, and a thread that asks it.
#pragma once

#include "dbs/actors/cache/cache_l3.hpp"
#include "dbs/messages/error_detail.hpp"

#include "integration/actors/postgres_pool/pool_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dbs::tests {

using found_value = caf::expected<std::optional<cache::stored_value>>;
using found_values = caf::expected<std::vector<std::optional<cache::stored_value>>>;
using written = caf::expected<cache::level_write>;

/// Turns the answers of a level into futures. Used in the turns of the loop.
class waiting_sink final : public cache::level_sink {
public:
  template <class T>
  using promise = std::shared_ptr<std::promise<caf::expected<T>>>;

  template <class T>
  cache::level_token open(promise<T> answer) {
    std::get<waiting<T>>(open_)[++last_] = std::move(answer);
    return last_;
  }

private:
  template <class T>
  using waiting = std::map<cache::level_token, promise<T>>;

  template <class T>
  void close(cache::level_token token, caf::expected<T> what) {
    auto& all = std::get<waiting<T>>(open_);
    all.at(token)->set_value(std::move(what)); // throws for a second answer
    all.erase(token);
  }

  void on_value(cache::level_token token, found_value found) override {
    close(token, std::move(found));
  }

  void on_values(cache::level_token token, found_values found) override {
    close(token, std::move(found));
  }

  void on_written(cache::level_token token, written what) override {
    close(token, std::move(what));
  }

  void on_erased(cache::level_token token, caf::expected<void> what) override {
    close(token, std::move(what));
  }

  std::tuple<waiting<std::optional<cache::stored_value>>,
             waiting<std::vector<std::optional<cache::stored_value>>>, waiting<cache::level_write>,
             waiting<void>>
      open_;
  cache::level_token last_ = 0;
};

/// A node: a pool of its own, the level, and whoever asks it.
class l3_node {
public:
  l3_node(caf::actor_system& system, database_settings database, cache_settings settings,
          cache::l3_limits limits = {})
      : loop(system, "node", event_loop::drive::lent), self(system) {
    auto registry = std::make_shared<observe::registry>();
    auto log = std::shared_ptr<observe::logger>{testing::make_silent_logger()};
    pool = spawn_postgres_pool(loop, {"postgres_pool", std::move(database), registry, log, {}});
    (void)start(pool); // PostgreSQL may be away
    level =
        spawn_cache_l3(loop, {std::move(settings), caf::actor_cast<postgres_pool_actor>(pool), link,
                              counters, registry, log, limits, [this] { return wall(); }});
  }

  ~l3_node() {
    stop_level();
    self->send_exit(pool, caf::exit_reason::user_shutdown);
    self->wait_for(pool);
    pool = nullptr;
    loop.stop();
  }

  void stop_level() {
    if (!level)
      return;
    self->send_exit(level, caf::exit_reason::user_shutdown);
    self->wait_for(level);
    level = nullptr;
  }

  /// The first outcome.
  caf::expected<void> start() { return start(level); }

  template <class T>
  T report(auto verb) {
    T result;
    self->request(level, 30s, verb, call_context{})
        .receive([&](T& x) { result = std::move(x); },
                 [](const caf::error& reason) { FAIL(describe(reason)); });
    return result;
  }

  health_report health() { return report<health_report>(health_atom_v); }

  bool until(health_status status, std::chrono::milliseconds within = 10s) {
    return testing::eventually([&] { return health().status == status; }, within);
  }

  int64_t stat(std::string_view name) {
    for (auto& x : report<stats_report>(stats_atom_v).fields)
      if (x.name == name)
        return std::get<int64_t>(x.value);
    return -1;
  }

  // -- calls -----------------------------------------------------------------------

  /// Asks in the turn of the loop; what `call` refers to must outlive the answer. The level
  /// may not be there.
  template <class T, class F>
  std::future<caf::expected<T>> begin(F call) {
    auto promise = std::make_shared<std::promise<caf::expected<T>>>();
    auto result = promise->get_future();
    auto asked = std::make_shared<std::promise<void>>();
    loop.io().post([this, promise, asked, call] {
      if (auto* there = link->get())
        call(*there, sink.open<T>(promise));
      else
        promise->set_value(fail(errc::not_ready, "the level is not there"));
      asked->set_value();
    });
    asked->get_future().wait();
    return result;
  }

  template <class T, class F>
  caf::expected<T> call(F what) {
    auto answer = begin<T>(std::move(what));
    if (answer.wait_for(30s) != std::future_status::ready)
      FAIL("there was no answer");
    return answer.get();
  }

  cache::cache_level::time_point deadline() const { return loop_system().clock().now() + timeout; }

  found_value read(const std::string& key) {
    return call<std::optional<cache::stored_value>>(
        [&](auto& x, auto token) { x.read(key, deadline(), sink, token); });
  }

  found_values read_all(const std::vector<std::string>& keys) {
    return call<std::vector<std::optional<cache::stored_value>>>(
        [&](auto& x, auto token) { x.read(keys, deadline(), sink, token); });
  }

  written write(const std::string& key, const cache::stored_value& what) {
    return call<cache::level_write>(
        [&](auto& x, auto token) { x.write(key, what, deadline(), sink, token); });
  }

  written fill(const std::string& key, const cache::stored_value& what,
               const cache::version& seen) {
    return call<cache::level_write>(
        [&](auto& x, auto token) { x.fill(key, what, seen, deadline(), sink, token); });
  }

  caf::expected<void> erase_prefix(const std::string& prefix, const cache::version& vers) {
    return call<void>(
        [&](auto& x, auto token) { x.erase_prefix(prefix, vers, deadline(), sink, token); });
  }

  caf::expected<void> erase_tag(const std::string& tag, const cache::version& vers) {
    return call<void>(
        [&](auto& x, auto token) { x.erase_tag(tag, vers, deadline(), sink, token); });
  }

  caf::actor_system& loop_system() const { return self->home_system(); }

  cache::wall_time wall() const {
    return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()) +
           std::chrono::milliseconds{ahead.load()};
  }

  std::shared_ptr<loop_link<cache::cache_level>> link =
      std::make_shared<loop_link<cache::cache_level>>();
  std::shared_ptr<cache::level_counters> counters = std::make_shared<cache::level_counters>();
  /// How much later it is for the level.
  std::atomic<int64_t> ahead{0};
  caf::timespan timeout = 20s;
  waiting_sink sink;
  event_loop loop;
  mutable caf::scoped_actor self;
  postgres_pool_state::actor_type pool;
  cache_l3_state::actor_type level;

private:
  template <class Handle>
  caf::expected<void> start(const Handle& whom) {
    caf::expected<void> result{caf::unit};
    self->request(whom, 30s, start_atom_v, call_context{})
        .receive([] {}, [&](caf::error& reason) { result = std::move(reason); });
    return result;
  }
};

/// A server, and nodes that share it.
struct l3_fixture {
  explicit l3_fixture(testing::private_postgres_options options = {}) : server(std::move(options)) {
    database.target.hosts = {{"127.0.0.1", server.port()}};
    database.target.user = server.options().superuser;
    database.target.dbname = server.options().database;
    database.pool_size = 4;
    database.min_idle = 0;
    database.acquire_timeout = 5s;
  }

  std::unique_ptr<l3_node> make_node() {
    return std::make_unique<l3_node>(system, database, settings, limits);
  }

  /// One whose table is there.
  l3_node& node() {
    if (!node_) {
      node_ = make_node();
      auto started = node_->start();
      INFO((started ? "" : describe(started.error())));
      REQUIRE(started);
    }
    return *node_;
  }

  testing::private_postgres server;
  database_settings database;
  cache_settings settings;
  cache::l3_limits limits;
  program_config config;
  caf::actor_system system{config};

private:
  std::unique_ptr<l3_node> node_;
};

/// A value with this version.
inline cache::stored_value a_value(std::string_view bytes, cache::version vers,
                                   std::vector<std::string> tags = {}) {
  cache::stored_value result;
  result.vers = vers;
  result.value = blob{bytes};
  result.tags = std::move(tags);
  return result;
}

inline cache::stored_value a_tombstone(cache::version vers) {
  cache::stored_value result;
  result.vers = vers;
  result.kind = cache::stored_kind::tombstone;
  return result;
}

/// The bytes of what was found; "none", "tombstone", or the error.
inline std::string text_of(const found_value& found) {
  if (!found)
    return describe(found.error());
  if (!*found)
    return "none";
  return (*found)->kind == cache::stored_kind::tombstone ? "tombstone"
                                                         : std::string{(*found)->value.view()};
}

} // namespace dbs::tests
