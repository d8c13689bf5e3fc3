// The client's logic on scripted servers and virtual time.
#pragma once

#include "dbs/runtime/redis/redis_core.hpp"

#include "unit/runtime/redis/scripted_links.hpp"

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <optional>
#include <string>

namespace dbs::test {

struct core_fixture : redis::redis_core_owner, redis::reply_sink {
  core_fixture() {
    settings.target.address = {"redis", 6379};
    settings.pool_min = 1;
    settings.pool_max = 4;
  }

  // -- doing -----------------------------------------------------------------------

  redis::redis_core& core() {
    if (!core_)
      core_.emplace(settings, limits, links.factory(), time.timers(), *this, 1);
    return *core_;
  }

  /// The client goes, as it does when its manager dies.
  void destroy() { core_.reset(); }

  void start() {
    core().start();
    run();
  }

  /// Runs everything until nobody has anything to do.
  void run() {
    auto more = true;
    while (more) {
      more = std::exchange(flush_wanted, false);
      if (more)
        core().flush();
      more = links.serve() || more;
    }
  }

  void advance(caf::timespan by) {
    time.advance(by, [this] { run(); });
  }

  /// Asks, without running anything. Returns the token.
  redis::request_token ask(redis_command what, caf::timespan timeout = caf::infinite) {
    core().execute(std::move(what), deadline(timeout), *this, ++last_token);
    return last_token;
  }

  redis::request_token ask_batch(std::vector<redis_command> batch,
                                 caf::timespan timeout = caf::infinite) {
    core().execute(std::move(batch), deadline(timeout), *this, ++last_token);
    return last_token;
  }

  redis::request_token echo(std::string_view what) { return ask(make_redis_command("ECHO", what)); }

  /// Its server stops reading, and a command is late on it.
  void make_overdue(scripted_link& link) {
    link.paused = true;
    auto late = ask(make_redis_command("GET", "late"), std::chrono::milliseconds{10});
    run();
    advance(std::chrono::milliseconds{10});
    CHECK(answer(late) == "deadline_exceeded");
  }

  // -- what came of it ---------------------------------------------------------------

  bool answered(redis::request_token token) const { return answers.contains(token); }

  /// The text of a reply, or the name of the error.
  std::string answer(redis::request_token token) {
    auto i = answers.find(token);
    if (i == answers.end())
      return "no answer";
    return i->second;
  }

  // -- redis_core_owner --------------------------------------------------------------

  void flush_soon() override { flush_wanted = true; }
  void on_up() override { events.emplace_back("up"); }
  void on_down(const caf::error& reason) override {
    events.push_back("down: " + detail(reason).what);
  }
  void on_drained() override { events.emplace_back("drained"); }
  void record_command(caf::timespan) override { ++recorded; }
  void record_probe(caf::timespan) override { ++probed; }

  // -- reply_sink ----------------------------------------------------------------------

  static std::string text_of(const redis_reply& reply) {
    if (auto failure = reply.error())
      return to_string(static_cast<errc>(failure.code()));
    return std::string{reply.text()};
  }

  void on_reply(redis::request_token token, caf::expected<redis_reply> reply) override {
    auto added = answers.emplace(token, reply ? text_of(*reply)
                                              : to_string(static_cast<errc>(reply.error().code())));
    twice += added.second ? 0 : 1;
    if (!reply)
      last_error = reply.error();
    if (then)
      then(token);
  }

  void on_replies(redis::request_token token,
                  caf::expected<std::vector<redis_reply>> replies) override {
    std::string all;
    if (replies)
      for (auto& x : *replies)
        all += (all.empty() ? "" : ",") + text_of(x);
    else
      last_error = replies.error();
    auto added = answers.emplace(
        token, replies ? all : "all: " + to_string(static_cast<errc>(replies.error().code())));
    twice += added.second ? 0 : 1;
  }

  manual_time time;
  scripted_links links;
  redis_settings settings;
  redis::client_limits limits;
  bool flush_wanted = false;
  std::vector<std::string> events;
  std::map<redis::request_token, std::string> answers;
  /// Answers that came once too often.
  size_t twice = 0;
  size_t recorded = 0;
  size_t probed = 0;
  caf::error last_error;
  std::function<void(redis::request_token)> then;

private:
  redis::redis_core::time_point deadline(caf::timespan timeout) const {
    return timeout == caf::timespan{caf::infinite} ? redis::redis_core::time_point::max()
                                                   : time.now() + timeout;
  }

  redis::request_token last_token = 0;
  std::optional<redis::redis_core> core_;
};

} // namespace dbs::test
