// The cache's logic between scripted levels, on virtual time.
#pragma once

#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/cache/cache_core.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dbs::cache::test {

using namespace std::chrono_literals;
using time_point = timer_queue::time_point;

/// A call that a level has not answered.
struct level_call {
  enum class kind { read, read_many, write, fill, erase_prefix, erase_tag };
  kind what;
  std::vector<std::string> keys;
  stored_value content;
  version seen;
  time_point deadline;
  level_sink* to;
  level_token token;
};

/// Keeps what it is given as a level does, and answers when it is told to, in the order in which
/// it is told.
class scripted_level final : public cache_level {
public:
  void read(std::string_view key, time_point deadline, level_sink& to, level_token token) override {
    add({level_call::kind::read, {std::string{key}}, {}, {}, deadline, &to, token});
  }

  void read(const std::vector<std::string>& keys, time_point deadline, level_sink& to,
            level_token token) override {
    add({level_call::kind::read_many, keys, {}, {}, deadline, &to, token});
  }

  void write(std::string_view key, const stored_value& what, time_point deadline, level_sink& to,
             level_token token) override {
    add({level_call::kind::write, {std::string{key}}, what, {}, deadline, &to, token});
  }

  void fill(std::string_view key, const stored_value& what, const version& seen,
            time_point deadline, level_sink& to, level_token token) override {
    add({level_call::kind::fill, {std::string{key}}, what, seen, deadline, &to, token});
  }

  void erase_prefix(std::string_view prefix, const version& vers, time_point deadline,
                    level_sink& to, level_token token) override {
    stored_value mark;
    mark.vers = vers;
    add({level_call::kind::erase_prefix, {std::string{prefix}}, mark, {}, deadline, &to, token});
  }

  void erase_tag(std::string_view tag, const version& vers, time_point deadline, level_sink& to,
                 level_token token) override {
    stored_value mark;
    mark.vers = vers;
    add({level_call::kind::erase_tag, {std::string{tag}}, mark, {}, deadline, &to, token});
  }

  void forget(level_sink&) override { calls.clear(); }

  // -- what a test does ----------------------------------------------------------------

  /// Answers the call at `index` as a level would that has `content`.
  void answer(size_t index = 0) {
    REQUIRE(index < calls.size());
    auto call = calls[index];
    calls.erase(calls.begin() + static_cast<std::ptrdiff_t>(index));
    switch (call.what) {
    case level_call::kind::read:
      return call.to->on_value(call.token, find(call.keys[0]));
    case level_call::kind::read_many: {
      std::vector<std::optional<stored_value>> all;
      for (auto& key : call.keys)
        all.push_back(find(key));
      return call.to->on_values(call.token, std::move(all));
    }
    case level_call::kind::write:
    case level_call::kind::fill:
      return call.to->on_written(call.token, store(call));
    default:
      std::erase_if(content, [&](auto& x) {
        return x.second.vers < call.content.vers &&
               (call.what == level_call::kind::erase_prefix
                    ? x.first.starts_with(call.keys[0])
                    : std::find(x.second.tags.begin(), x.second.tags.end(), call.keys[0]) !=
                          x.second.tags.end());
      });
      return call.to->on_erased(call.token, caf::unit);
    }
  }

  void answer_all() {
    while (!calls.empty())
      answer();
  }

  void fail(errc code = errc::connection_lost, size_t index = 0) {
    REQUIRE(index < calls.size());
    auto call = calls[index];
    calls.erase(calls.begin() + static_cast<std::ptrdiff_t>(index));
    auto why = dbs::fail(code, "scripted");
    switch (call.what) {
    case level_call::kind::read:
      return call.to->on_value(call.token, why);
    case level_call::kind::read_many:
      return call.to->on_values(call.token, why);
    case level_call::kind::write:
    case level_call::kind::fill:
      return call.to->on_written(call.token, why);
    default:
      return call.to->on_erased(call.token, why);
    }
  }

  /// "read a", "fill b", ...
  std::vector<std::string> pending() const {
    constexpr std::array names{"read ", "read ", "write ", "fill ", "erase_prefix ", "erase_tag "};
    std::vector<std::string> result;
    for (auto& x : calls) {
      auto text = std::string{names[static_cast<size_t>(x.what)]};
      for (auto& key : x.keys)
        text += (&key == &x.keys.front() ? "" : ",") + key;
      result.push_back(std::move(text));
    }
    return result;
  }

  std::vector<level_call> calls;
  std::map<std::string, stored_value> content;
  /// Answers before a call returns.
  bool at_once = false;

private:
  void add(level_call call) {
    calls.push_back(std::move(call));
    if (at_once)
      answer(calls.size() - 1);
  }

  std::optional<stored_value> find(const std::string& key) const {
    auto i = content.find(key);
    return i != content.end() ? std::optional{i->second} : std::nullopt;
  }

  level_write store(const level_call& call) {
    auto old = find(call.keys[0]);
    auto there = old ? old->vers : version{};
    level_write result{false, there, old && old->kind == stored_kind::value};
    auto fits = call.what == level_call::kind::write || there == call.seen;
    if (fits && there < call.content.vers) {
      content[call.keys[0]] = call.content;
      result.done = true;
      result.vers = call.content.vers;
    }
    return result;
  }
};

/// A loader that was called.
struct load_call {
  load_token token;
  std::string key;
  time_point deadline;
  cache_loader how;
};

class core_scene : public cache_core_owner {
public:
  core_scene() {
    settings.ttl_jitter = 0;
    settings.l1_size = 1000;
    settings.l1_mib = 4;
  }

  ~core_scene() { core_.reset(); }

  cache_core& core() {
    if (!core_) {
      if (!memory)
        memory = std::make_shared<cache_memory>(
            settings, coarse_clock{hand_}, [this] { return wall(); },
            [this] { return static_cast<uint64_t>(hand_.load()) * 1000; });
      core_.emplace(core_options{settings, memory, l2_link, l3_link, max_waiting, max_queued},
                    timers_, *this, 1);
      core_->start();
    }
    return *core_;
  }

  /// The manager dies, and another one takes its place.
  void restart() {
    core_.reset();
    timers_.clear();
    answers.clear();
    core();
  }

  wall_time wall() const { return wall_time{std::chrono::milliseconds{hand_.load()}}; }

  time_point now() const { return time_point{std::chrono::milliseconds{hand_.load()}}; }

  void advance(caf::timespan by) {
    auto until = now() + by;
    for (auto next = timers_.next(); next && *next <= until; next = timers_.next()) {
      set(std::max(now(), *next));
      timers_.expire(now());
    }
    set(until);
  }

  void register_loader(std::string name, namespace_options options = {}) {
    options.loader = sql_loader{"select 1"}; // it is the scene that loads
    core();
    REQUIRE(!memory->names.add(std::move(name), std::move(options)));
  }

  // -- asking --------------------------------------------------------------------------

  request_token get(const std::string& key, time_point deadline = time_point::max()) {
    core().get(cache_get{key, false, false, true}, deadline, ++last_);
    return last_;
  }

  request_token load(const std::string& key, time_point deadline = time_point::max()) {
    core().get(cache_get{key, true, false, true}, deadline, ++last_);
    return last_;
  }

  request_token load_with(const std::string& key, cache_load_function loader) {
    core().get(cache_get_with{{key, true, false, true}, std::move(loader)}, time_point::max(),
               ++last_);
    return last_;
  }

  request_token mget(std::vector<std::string> keys, bool load = false) {
    core().get(cache_get_many{std::move(keys), load, true}, time_point::max(), ++last_);
    return last_;
  }

  request_token put(cache_put what, time_point deadline = time_point::max()) {
    core().put(std::move(what), deadline, ++last_);
    return last_;
  }

  request_token put(const std::string& key, std::string_view value,
                    cache_reach reach = cache_reach::l2) {
    cache_put what{key, blob{value}};
    what.reach = reach;
    return put(std::move(what));
  }

  request_token erase(const std::string& key, cache_reach reach = cache_reach::l2) {
    core().erase(cache_erase{key, reach}, time_point::max(), ++last_);
    return last_;
  }

  request_token invalidate(cache_scope scope, const std::string& text) {
    core().invalidate(cache_invalidate{scope, text}, time_point::max(), ++last_);
    return last_;
  }

  /// A loader answers: the first one that runs, or that of `key`.
  void loader_says(std::optional<std::string> value, const std::string& key = {}) {
    cache_loaded what;
    what.found = value.has_value();
    if (value)
      what.value = blob{*value};
    core().loaded(take_load(key).token, std::move(what));
  }

  void loader_fails(const std::string& key = {}) {
    core().loaded(take_load(key).token, dbs::fail(errc::query_failed, "scripted"));
  }

  load_call take_load(const std::string& key = {}) {
    auto i = std::find_if(loads.begin(), loads.end(),
                          [&](auto& x) { return key.empty() || x.key == key; });
    REQUIRE(i != loads.end());
    auto result = *i;
    loads.erase(i);
    return result;
  }

  // -- what came of it -----------------------------------------------------------------

  /// "l2 abc", "l1 stale abc", "none", "in_doubt", "done", "true"; "pending" without an answer.
  std::string answer(request_token token) const {
    auto i = answers.find(token);
    return i != answers.end() ? i->second : "pending";
  }

  /// The value that a reader in this process finds in memory, fresh.
  std::optional<std::string> in_l1(const std::string& key) {
    std::optional<std::string> result;
    core();
    memory->read_fresh(key, [&](const l1_view& view) { result.emplace(view.value); });
    return result;
  }

  stored_value stored(std::string_view value, version vers, caf::timespan fresh = 100s) {
    stored_value result;
    result.vers = vers;
    result.value = blob{value};
    result.soft = result.hard =
        wall() + std::chrono::duration_cast<std::chrono::milliseconds>(fresh);
    return result;
  }

  // -- cache_core_owner ----------------------------------------------------------------

  void on_value(request_token token, caf::expected<cache_value> what) override {
    note(token, what ? text_of(*what) : name_of(what.error()));
  }

  void on_values(request_token token, caf::expected<std::vector<cache_value>> what) override {
    std::string all;
    if (!what)
      return note(token, name_of(what.error()));
    for (auto& x : *what)
      all += (all.empty() ? "" : ", ") + text_of(x);
    note(token, all);
  }

  void on_done(request_token token, caf::expected<void> what) override {
    note(token, what ? "done" : name_of(what.error()));
  }

  void on_erased(request_token token, caf::expected<bool> what) override {
    note(token, what ? (*what ? "true" : "false") : name_of(what.error()));
  }

  void load(load_token token, const cache_loader& how, const std::string& key,
            time_point deadline) override {
    loads.push_back({token, key, deadline, how});
    if (on_load)
      on_load(token);
  }

  void on_drained() override { drained = true; }

  cache_settings settings;
  std::shared_ptr<loop_link<cache_level>> l2_link = std::make_shared<loop_link<cache_level>>();
  std::shared_ptr<loop_link<cache_level>> l3_link = std::make_shared<loop_link<cache_level>>();
  scripted_level l2;
  scripted_level l3;
  std::shared_ptr<cache_memory> memory;
  size_t max_waiting = 65'536;
  size_t max_queued = 10'000;
  std::vector<load_call> loads;
  std::function<void(load_token)> on_load;
  std::map<request_token, std::string> answers;
  size_t answered_twice = 0;
  bool drained = false;

protected:
  void both_levels_up() {
    l2_link->up(l2);
    l3_link->up(l3);
  }

private:
  void do_enter(void (*body)(void*), void* context) override { body(context); }

  static std::string name_of(const caf::error& why) {
    return to_string(static_cast<errc>(why.code()));
  }

  static std::string text_of(const cache_value& x) {
    std::string result = x.source == cache_source::none ? "none" : to_string(x.source);
    if (x.stale)
      result += " stale";
    if (x.found)
      result += " " + std::string{x.value.view()};
    return result;
  }

  void note(request_token token, std::string what) {
    if (!answers.emplace(token, std::move(what)).second)
      ++answered_twice;
  }

  void set(time_point to) {
    hand_ = std::chrono::duration_cast<std::chrono::milliseconds>(to.time_since_epoch()).count();
  }

  std::atomic<int64_t> hand_{1'800'000'000'000};
  timer_queue timers_{[this] { return now(); }, [](time_point) {}};
  request_token last_ = 0;
  std::optional<cache_core> core_;
};

/// With both levels, which answer when they are told to.
struct two_levels : core_scene {
  two_levels() { both_levels_up(); }
};

/// The same without L3: what concerns one level is shorter so.
struct one_level : core_scene {
  one_level() {
    settings.l3_enabled = false;
    l2_link->up(l2);
  }
};

} // namespace dbs::cache::test
