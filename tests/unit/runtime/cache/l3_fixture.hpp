// The logic of the third level, with a test in the place of the database.
#pragma once

#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/cache/l3_core.hpp"
#include "dbs/testing/scripted/result_literals.hpp"

#include "unit/runtime/manual_time.hpp"

#include <catch2/catch_test_macros.hpp>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace dbs::test {

using namespace std::chrono_literals;

/// Writes down answers as texts: "none", "x 1/2", "done", "older 1/2", or the error's name.
struct recording_level_sink : cache::level_sink {
  void on_value(cache::level_token token,
                caf::expected<std::optional<cache::stored_value>> found) override {
    add(token, found ? text_of(*found) : name_of(found.error()));
  }

  void on_values(cache::level_token token,
                 caf::expected<std::vector<std::optional<cache::stored_value>>> found) override {
    std::string all;
    if (found)
      for (auto& x : *found)
        all += (all.empty() ? "" : ", ") + text_of(x);
    add(token, found ? all : name_of(found.error()));
  }

  void on_written(cache::level_token token, caf::expected<cache::level_write> what) override {
    add(token, what ? (what->done ? "done" : "older") : name_of(what.error()));
  }

  void on_erased(cache::level_token token, caf::expected<void> what) override {
    add(token, what ? "erased" : name_of(what.error()));
  }

  static std::string name_of(const caf::error& reason) {
    return to_string(static_cast<errc>(reason.code()));
  }

  static std::string text_of(const std::optional<cache::stored_value>& x) {
    return x ? std::string{x->value.view()} : "none";
  }

  void add(cache::level_token token, std::string what) {
    twice += answers.emplace(token, std::move(what)).second ? 0 : 1;
    if (then)
      then(token);
  }

  std::map<cache::level_token, std::string> answers;
  /// Answers that came once too often.
  size_t twice = 0;
  std::function<void(cache::level_token)> then;
};

struct l3_fixture : cache::l3_database {
  struct statement {
    pg_statement what;
    timer_queue::time_point deadline;
    cache::l3_token token;

    /// The parameter as text.
    std::string param(size_t index) const { return what.params.c_str(index); }
  };

  cache::l3_core& core() {
    if (!core_) {
      core_.emplace(
          settings, limits, time.timers(), *this, counters, [this] { return wall; }, 1);
      core_->open();
      // the cleaning
      answer(testing::command_result("DELETE 0"));
    }
    return *core_;
  }

  void destroy() { core_.reset(); }

  void flush() {
    flush_wanted = false;
    core().flush();
  }

  void advance(caf::timespan by) {
    time.advance(by, [] {});
  }

  timer_queue::time_point in(caf::timespan timeout) const { return time.now() + timeout; }

  // -- asking ----------------------------------------------------------------------

  cache::level_token read(std::string_view key, caf::timespan timeout = 10s) {
    core().read(key, in(timeout), sink, ++last);
    return last;
  }

  cache::level_token read_all(const std::vector<std::string>& keys, caf::timespan timeout = 10s) {
    core().read(keys, in(timeout), sink, ++last);
    return last;
  }

  cache::level_token write(std::string_view key, caf::timespan timeout = 10s,
                           std::string_view bytes = "x") {
    cache::stored_value what;
    what.vers = {1, 1};
    what.value = blob{bytes};
    core().write(key, what, in(timeout), sink, ++last);
    return last;
  }

  cache::level_token erase(std::string_view prefix, caf::timespan timeout = 10s) {
    core().erase_prefix(prefix, {1, 2}, in(timeout), sink, ++last);
    return last;
  }

  // -- answering -------------------------------------------------------------------

  /// Answers the oldest statement.
  void answer(caf::expected<pg_result> result) {
    REQUIRE_FALSE(sent.empty());
    auto token = sent.front().token;
    sent.erase(sent.begin());
    core_->on_result(token, std::move(result));
  }

  void answer_error(errc code, const std::string& sqlstate = "") {
    error_detail what;
    what.what = "scripted";
    what.sqlstate = sqlstate;
    answer(fail(code, what));
  }

  /// Each key has its name as its value.
  void answer_found(const std::vector<std::string>& keys,
                    const std::vector<std::string>& left_out = {}) {
    std::vector<pg_params> rows;
    for (auto& key : keys)
      rows.push_back(
          make_params(key, 1, 1, 0, std::nullopt, std::nullopt, std::nullopt, blob{key}, false));
    for (auto& key : left_out)
      rows.push_back(
          make_params(key, 1, 1, 0, std::nullopt, std::nullopt, std::nullopt, std::nullopt, true));
    answer(testing::query_result(
        {"key", "epoch", "sequence", "kind", "soft", "hard", "tags", "value", "left_out"}, rows));
  }

  /// Each row is "done", "older" or "raced", in the order of the statement.
  void answer_written(const std::vector<std::string>& outcomes) {
    std::vector<pg_params> rows;
    for (size_t i = 0; i < outcomes.size(); ++i)
      rows.push_back(
          make_params(i + 1, outcomes[i] != "older", false, outcomes[i] != "raced", 1, 1));
    answer(testing::query_result({"n", "done", "had_value", "settled", "epoch", "sequence"}, rows));
  }

  void answer_erased(size_t rows, const std::string& last_key) {
    answer(testing::query_result({"rows", "last_key"}, {make_params(rows, last_key)}));
  }

  /// What was answered; "" if nothing.
  std::string answer_of(cache::level_token token) const {
    auto i = sink.answers.find(token);
    return i == sink.answers.end() ? "" : i->second;
  }

  // -- l3_database -----------------------------------------------------------------

  void flush_soon() override { flush_wanted = true; }

  void execute(pg_statement what, timer_queue::time_point deadline,
               cache::l3_token token) override {
    sent.push_back({std::move(what), deadline, token});
  }

  manual_time time;
  cache_settings settings;
  cache::l3_limits limits;
  std::shared_ptr<cache::level_counters> counters = std::make_shared<cache::level_counters>();
  cache::wall_time wall{std::chrono::hours{500'000}};
  std::vector<statement> sent;
  bool flush_wanted = false;
  recording_level_sink sink;
  cache::level_token last = 0;

private:
  std::optional<cache::l3_core> core_;
};

} // namespace dbs::test
