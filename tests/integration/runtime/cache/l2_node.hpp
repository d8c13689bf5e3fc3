// The second level of the cache as one process has it, on a real server.
#pragma once

#include "dbs/actors/cache/cache_l2.hpp"
#include "dbs/actors/redis/redis.hpp"
#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/caf/program_config.hpp"
#include "dbs/testing/eventually.hpp"
#include "dbs/testing/fixture/silent_logger.hpp"
#include "dbs/testing/servers/private_redis.hpp"

#include "unit/runtime/cache/heard_answers.hpp"
#include "unit/runtime/cache/made_stored.hpp"

#include <caf/scoped_actor.hpp>

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace dbs::tests {

/// Asks the level in the turns of its loop, as the cache does.
class l2_node : private cache::level_sink {
public:
  using texts = test::heard_answers;

  static constexpr caf::timespan patience = std::chrono::seconds{5};

  explicit l2_node(const testing::private_redis& server, const cache_settings& what = {})
      : settings_(what) {
    redis_settings_.target.address = {server.host(), server.port()};
    redis_settings_.pool_min = 2;
    start_redis();
    start_level();
  }

  ~l2_node() {
    end(level_);
    end(redis_);
    loop_.stop();
  }

  void start_redis() {
    redis_ = spawn_redis(loop_, {redis_settings_, metrics_, log_, {}, redis_link_});
    self_->request(redis_, caf::infinite, start_atom_v, call_context{})
        .receive([] {}, [](const caf::error&) {});
  }

  void start_level() {
    level_ = spawn_cache_l2(
        loop_, {settings_, redis_link_, level_link_, tuning_link_, counters_, metrics_, log_});
    self_->request(level_, caf::infinite, start_atom_v, call_context{})
        .receive([] {}, [](const caf::error&) {});
  }

  void end_redis() { end(redis_); }

  void end_level() { end(level_); }

  // -- asking: each returns the token -------------------------------------------------

  template <class F>
  cache::level_token ask(F call) {
    auto token = ++last_;
    loop_.io().post([this, token, call] {
      if (auto* level = level_link_->get())
        call(*level, static_cast<cache::level_sink&>(*this), token);
      else
        hear(token, "no level");
    });
    return token;
  }

  cache::level_token write(const std::string& key, const cache::stored_value& what,
                           caf::timespan timeout = patience) {
    return ask([=, by = by(timeout)](auto& level, auto& to, auto token) {
      level.write(key, what, by, to, token);
    });
  }

  cache::level_token fill(const std::string& key, const cache::stored_value& what,
                          const cache::version& seen) {
    return ask([=, by = by(patience)](auto& level, auto& to, auto token) {
      level.fill(key, what, seen, by, to, token);
    });
  }

  cache::level_token read(const std::string& key, caf::timespan timeout = patience) {
    return ask([=, by = by(timeout)](auto& level, auto& to, auto token) {
      level.read(key, by, to, token);
    });
  }

  cache::level_token read_many(const std::vector<std::string>& keys) {
    return ask([=, by = by(patience)](auto& level, auto& to, auto token) {
      level.read(keys, by, to, token);
    });
  }

  cache::level_token erase_prefix(const std::string& prefix, const cache::version& vers) {
    return ask([=, by = by(patience)](auto& level, auto& to, auto token) {
      level.erase_prefix(prefix, vers, by, to, token);
    });
  }

  cache::level_token erase_tag(const std::string& tag, const cache::version& vers) {
    return ask([=, by = by(patience)](auto& level, auto& to, auto token) {
      level.erase_tag(tag, vers, by, to, token);
    });
  }

  /// Returns when the level has been asked what was asked so far.
  void wait_asked() {
    answer(ask([](auto&, auto& to, auto token) { to.on_erased(token, caf::unit); }));
  }

  /// As `heard_answers` writes it.
  std::string answer(cache::level_token token) {
    std::unique_lock guard{mutex_};
    auto there =
        heard_.wait_for(guard, std::chrono::seconds{20}, [&] { return answers_.contains(token); });
    return there ? answers_[token] : "no answer";
  }

  /// What was read last.
  std::optional<cache::stored_value> found() {
    std::unique_lock guard{mutex_};
    return found_;
  }

  health_report health() {
    health_report result;
    self_->request(level_, caf::infinite, health_atom_v, call_context{})
        .receive([&](health_report& x) { result = std::move(x); }, [](const caf::error&) {});
    return result;
  }

  /// Of the loop's turns: only when nothing is asked.
  cache::level_figures figures() const { return counters_->counted; }

private:
  template <class Handle>
  void end(Handle& who) {
    if (who) {
      self_->send_exit(who, caf::exit_reason::user_shutdown);
      self_->wait_for(who);
    }
    who = nullptr;
  }

  timer_queue::time_point by(caf::timespan timeout) { return system_.clock().now() + timeout; }

  void hear(cache::level_token token, const std::string& what) {
    std::unique_lock guard{mutex_};
    answers_[token] = answers_.contains(token) ? "two answers" : what;
    heard_.notify_all();
  }

  void on_value(cache::level_token token,
                caf::expected<std::optional<cache::stored_value>> found) override {
    {
      std::unique_lock guard{mutex_};
      found_ = found ? *found : std::nullopt;
    }
    hear(token, texts::answer_of(found));
  }

  void on_values(cache::level_token token,
                 caf::expected<std::vector<std::optional<cache::stored_value>>> found) override {
    hear(token, texts::answer_of(found));
  }

  void on_written(cache::level_token token, caf::expected<cache::level_write> what) override {
    hear(token, texts::answer_of(what));
  }

  void on_erased(cache::level_token token, caf::expected<void> what) override {
    hear(token, texts::answer_of(what));
  }

  cache_settings settings_;
  redis_settings redis_settings_;
  std::shared_ptr<observe::registry> metrics_ = std::make_shared<observe::registry>();
  std::shared_ptr<observe::logger> log_ = testing::make_silent_logger();
  std::shared_ptr<loop_link<redis::redis_core>> redis_link_ =
      std::make_shared<loop_link<redis::redis_core>>();
  std::shared_ptr<loop_link<cache::cache_level>> level_link_ =
      std::make_shared<loop_link<cache::cache_level>>();
  std::shared_ptr<loop_link<cache::l2_core>> tuning_link_ =
      std::make_shared<loop_link<cache::l2_core>>();
  std::shared_ptr<cache::level_counters> counters_ = std::make_shared<cache::level_counters>();
  program_config config_;
  caf::actor_system system_{config_};
  event_loop loop_{system_, "sockets", event_loop::drive::lent};
  caf::scoped_actor self_{system_};
  redis_state::actor_type redis_;
  cache_l2_state::actor_type level_;

  std::mutex mutex_;
  std::condition_variable heard_;
  std::map<cache::level_token, std::string> answers_;
  std::optional<cache::stored_value> found_;
  cache::level_token last_ = 0;
};

} // namespace dbs::tests
