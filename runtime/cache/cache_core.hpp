// The logic of the cache: looks keys up level by level, loads what no level knows, once for all
// who ask, and keeps what is read, loaded and written in order.
//
// Why nothing old comes back after an erasure, or a put, was answered:
// - Every write has a version, later than all this process has seen. L1 refuses what is older
//   for as long as anything that was read before may take; so does each level that it has
//   reached. What has not reached a level yet is in `unsettled_writes`, and what that level
//   says is compared with it.
// - A lookup that began before is detached when the write begins, and again when it is
//   answered: it answers those who have asked before, and is kept nowhere.
// - What was loaded is stored in a level only if that has still what the lookup saw there
//   (leases: Nishtala et al., Scaling Memcache at Facebook, 2013), whatever other processes do.
//
// docs/cache.md has the guarantees and the states of a lookup.
#pragma once

#include "dbs/config/settings.hpp"
#include "dbs/messages/cache/cache.hpp"
#include "dbs/runtime/cache/cache_flight.hpp"
#include "dbs/runtime/cache/cache_level.hpp"
#include "dbs/runtime/cache/cache_memory.hpp"
#include "dbs/runtime/cache/slab.hpp"
#include "dbs/runtime/cache/text_map.hpp"
#include "dbs/runtime/io/loop_link.hpp"
#include "dbs/runtime/io/timer_queue.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <caf/error.hpp>
#include <caf/expected.hpp>

#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <vector>

namespace dbs::cache {

/// Names a call of a loader.
using load_token = uint64_t;

/// Told by the core, perhaps before the call that asks returns.
class cache_core_owner {
public:
  virtual void on_value(request_token token, caf::expected<cache_value> what) = 0;
  virtual void on_values(request_token token, caf::expected<std::vector<cache_value>> what) = 0;
  /// The answer to `put` and `invalidate`.
  virtual void on_done(request_token token, caf::expected<void> what) = 0;
  virtual void on_erased(request_token token, caf::expected<bool> what) = 0;

  /// `cache_core::loaded` is to be called with what comes of it, at once or later. What comes
  /// behind `deadline` is not used.
  virtual void load(load_token token, const cache_loader& how, const std::string& key,
                    timer_queue::time_point deadline) = 0;

  /// Everything is answered after `drain`.
  virtual void on_drained() = 0;

  /// Runs `body()` as the owner: what the levels say comes from elsewhere. May drop it if the
  /// owner has ended.
  template <class F>
  void enter(F&& body) {
    using body_type = std::remove_reference_t<F>;
    do_enter([](void* ptr) { (*static_cast<body_type*>(ptr))(); }, std::addressof(body));
  }

protected:
  ~cache_core_owner() = default;

private:
  virtual void do_enter(void (*body)(void*), void* context) = 0;
};

struct core_options {
  cache_settings settings;
  std::shared_ptr<cache_memory> memory;
  std::shared_ptr<loop_link<cache_level>> l2;
  std::shared_ptr<loop_link<cache_level>> l3;
  /// Requests that wait, those for many keys counted by key; more are `overloaded`.
  size_t max_waiting = 65'536;
  /// Loads that wait for others to end.
  size_t max_queued_loads = 10'000;
};

/// Not thread-safe: for who has the turn of the loop of its levels and timers.
class cache_core final : private level_sink {
public:
  using time_point = timer_queue::time_point;

  cache_core(core_options options, timer_queue& timers, cache_core_owner& owner, uint64_t seed);
  ~cache_core();

  cache_core(const cache_core&) = delete;
  cache_core& operator=(const cache_core&) = delete;

  /// Takes up what a predecessor has left undone.
  void start();

  void get(cache_get what, time_point deadline, request_token token);
  void get(cache_get_with what, time_point deadline, request_token token);
  void get(cache_get_many what, time_point deadline, request_token token);
  void put(cache_put what, time_point deadline, request_token token);
  void put(cache_put_many what, time_point deadline, request_token token);
  void erase(const cache_erase& what, time_point deadline, request_token token);
  void invalidate(const cache_invalidate& what, time_point deadline, request_token token);

  void loaded(load_token token, caf::expected<cache_loaded> what);

  /// Refuses what is new, and ends when the rest is answered.
  void drain();

  /// Answers what is left with `reason`, and writes with `in_doubt`.
  void abort(const caf::error& reason);

  bool drained() const noexcept { return told_drained_; }

  /// Requests that are not answered.
  size_t waiting() const noexcept { return waiting_; }

private:
  /// Answers that belong together.
  struct group {
    request_token token = 0;
    size_t left = 0;
    std::vector<cache_value> values;
    bool of_writes = false;
    caf::error failure;
  };

  /// A write on its way to the levels.
  struct write_op {
    enum class kind : uint8_t { put, erase, fill, repair };
    kind what = kind::put;
    std::string key;
    stored_value content;
    /// What a fill has seen on the levels.
    version seen_l2;
    version seen_l3;
    request_token token = 0;
    bool in_group = false;
    bool answered = false;
    bool had_value = false;
    uint8_t renewals = 0;
    level_set levels = no_level;
    /// Have not answered.
    level_set open = no_level;
    /// Have to, before the request is answered.
    level_set needed = no_level;
    caf::error failure;
    time_point deadline;
    /// Erasures that begin when it has ended.
    std::vector<size_t> awaited_by;
  };

  /// An invalidation on its way to the levels.
  struct erase_op {
    cache_invalidate what;
    version vers;
    request_token token = 0;
    time_point deadline;
    /// Writes that have to end first.
    size_t awaited = 0;
    /// Levels that have not answered.
    size_t open = 0;
    caf::error failure = {};
  };

  /// What a token of a level stands for; the rest of it is the index.
  enum class op_kind : uint8_t { one_l2, one_l3, many_l2, many_l3, write_l2, write_l3, erasure };

  static constexpr level_token index_mask = (level_token{1} << 56) - 1;
  static constexpr request_token no_token = UINT64_MAX;

  static op_kind kind_of(level_token token) noexcept { return static_cast<op_kind>(token >> 56); }

  static level_token token_of(op_kind kind, size_t index) noexcept {
    return static_cast<level_token>(kind) << 56 | index;
  }

  using flights = std::span<cache_flight* const>;
  using own_loader = std::shared_ptr<const cache_loader>;

  // -- requests: cache_core.cpp --------------------------------------------------------

  caf::error admit(size_t requests, time_point deadline);
  void start_get(cache_get&& what, time_point deadline, request_token token, own_loader loader);
  size_t open_group(request_token token, size_t size, bool of_writes);
  /// Null if it has joined one that was there.
  cache_flight* join(std::string key, const waiter& who, own_loader loader = nullptr);
  void watch(time_point deadline);
  void on_deadline();
  void answer(const waiter& who, cache_value what);
  void refuse(const waiter& who, const caf::error& reason);
  void close_group_part(size_t index, const caf::error& failure);
  void end_drain_if_idle();
  bool idle() const noexcept;
  void end_drain();
  /// Those beyond memory that have keys of the namespace.
  level_set levels_of(const namespace_options* options) const noexcept;
  caf::error check_get(std::string_view key, bool load) const;

  // -- looking up: cache_lookup.cpp ------------------------------------------------------

  void heard_one(level_token token, caf::expected<std::optional<stored_value>>&& found);
  void heard_many(level_token token,
                  caf::expected<std::vector<std::optional<stored_value>>>&& found);
  void look_up(flights which);
  void look_here(cache_flight& f);
  void ask_l2(flights which);
  void ask_l3(flights which);
  void ask(cache_level& level, op_kind one, op_kind many, flights which, time_point by);
  /// True if it is answered, or has gone on to its loader.
  bool heard(cache_flight& f, bool of_l2, caf::expected<std::optional<stored_value>>&& found);
  bool accept(cache_flight& f, stored_value&& found, cache_source from);
  /// By what is known of the level, `l2` or `l3`, that it is `from`, and of those above it.
  bool is_outdated(const cache_flight& f, const stored_value& found, cache_source from) const;
  /// By a prefix, or one of its tags, since it was made.
  bool is_erased(std::string_view key, const stored_value& what) const;
  /// Whether a value past its time may be served for `window`.
  bool is_within(const stored_value& what, caf::timespan window) const;
  void not_found(cache_flight& f);
  void take_from_l1(cache_flight& f);
  /// To the loader, or to its end. @param renews: what is stale is served to all.
  void go_on(cache_flight& f, bool renews);
  /// Those who do not want it loaded; or all.
  void answer_waiters(cache_flight& f, cache_value what, bool all);
  /// Nothing, unless there is something stale.
  static cache_value best_of(const cache_flight& f);
  void finish(cache_flight& f);
  void detach(std::string_view key);
  void detach_all(std::string_view prefix);

  // -- loading: cache_load.cpp -------------------------------------------------------------

  void load(cache_flight& f);
  void start_loads();
  void start_load(cache_flight& f);
  void load_failed(cache_flight& f, const caf::error& reason);
  caf::expected<stored_value> made_of(const cache_flight& f, cache_loaded&& what);
  void keep_loaded(const cache_flight& f, const stored_value& what);
  bool load_again(cache_flight& f, const stored_value& what);

  // -- writing: cache_write.cpp ------------------------------------------------------------

  void start_put(cache_put&& what, time_point deadline, request_token token, bool in_group);
  void start_write(write_op&& op, level_set levels);
  void send(size_t index, level_set level);
  void fill(const cache_flight& f, const stored_value& what, bool in_l3);
  void wrote(size_t index, level_set level, caf::expected<level_write> what);
  bool renew(size_t index, level_set level, const version& there);
  void answer_write(write_op& op);
  void spoil(const write_op& op);
  /// `older` if L1 knows better. @param levels: who else has it.
  l1_outcome keep_in_l1(std::string_view key, const stored_value& what, level_set levels);
  /// Of what L1 has.
  void drop_older(std::string_view key, const version& than);
  static level_set needed_for(cache_reach reach, level_set levels) noexcept;
  wall_time after(wall_time now, caf::timespan ttl);
  void end_write(size_t index);
  void schedule_repairs();
  void repair();

  // -- erasing many keys: cache_erasures.cpp -----------------------------------------------

  void send_erasure(size_t index);
  void answer_erasure(erase_op& op);
  void end_erasure_part(size_t index, caf::expected<void> what);
  void erase_here(const cache_invalidate& what);
  bool is_here_alone(std::string_view prefix) const;

  // level_sink
  void on_value(level_token token, caf::expected<std::optional<stored_value>> found) override;
  void on_values(level_token token,
                 caf::expected<std::vector<std::optional<stored_value>>> found) override;
  void on_written(level_token token, caf::expected<level_write> what) override;
  void on_erased(level_token token, caf::expected<void> what) override;

  const cache_settings settings_;
  const size_t max_waiting_;
  const size_t max_queued_loads_;
  std::shared_ptr<cache_memory> memory_;
  std::shared_ptr<loop_link<cache_level>> l2_;
  std::shared_ptr<loop_link<cache_level>> l3_;
  timer_queue& timers_;
  cache_core_owner& owner_;
  std::minstd_rand random_;

  slab<cache_flight> flights_;
  slab<std::vector<cache_flight*>> reads_;
  slab<group> groups_;
  slab<write_op> writes_;
  slab<erase_op> erasures_;
  /// Those that may be joined, by their key.
  boost::unordered_flat_map<std::string_view, cache_flight*, text_hash> current_;
  size_t waiting_ = 0;

  struct running_load {
    cache_flight* flight;
    time_point began;
    timer_queue::timer_id limit;
  };
  std::unordered_map<load_token, running_load> loads_;
  std::deque<cache_flight*> queued_loads_;
  load_token next_load_ = 0;

  time_point watched_ = time_point::max();
  timer_queue::timer_id deadline_timer_;
  timer_queue::timer_id repair_timer_;
  bool starts_loads_ = false;
  bool drains_ = false;
  bool told_drained_ = false;
};

} // namespace dbs::cache
