// All timers of one loop or manager in one heap, driven by the actor clock.
//
// Managers never use timers of the event loop: under the virtual-time fixture the
// loop's time stands still while the actor clock moves. The owner of a queue arms
// one clock entry for `next()` and calls `expire(now)` when it fires.
#pragma once

#include <caf/actor_clock.hpp>
#include <caf/timespan.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

namespace dbs {

/// A binary heap with positions: schedule and cancel are O(log n), without a
/// lookup structure beside it. Not thread-safe: one loop thread owns it.
class timer_queue {
public:
  using time_point = caf::actor_clock::time_point;
  using callback = std::function<void()>;

  /// Names a scheduled timer. Default-constructed it names none.
  struct timer_id {
    uint32_t slot = 0;
    uint32_t generation = 0;
    explicit operator bool() const noexcept { return generation != 0; }
  };

  /// @param now reads the actor clock.
  /// @param on_earlier runs whenever `next()` moved to an earlier time, for the
  ///        owner to arm its clock entry.
  timer_queue(std::function<time_point()> now, std::function<void(time_point)> on_earlier);

  timer_queue(const timer_queue&) = delete;
  timer_queue& operator=(const timer_queue&) = delete;

  time_point now() const { return now_(); }

  /// Runs `fn` once, in `expire`, when the clock has reached `at`.
  timer_id schedule(time_point at, callback fn);

  timer_id schedule_after(caf::timespan delay, callback fn) {
    return schedule(now() + delay, std::move(fn));
  }

  /// Forgets a timer and resets `id`. False if it has run already or never was.
  bool cancel(timer_id& id);

  /// Forgets all timers, without running them. The ids of them stay harmless.
  void clear();

  std::optional<time_point> next() const;

  /// Runs what is due, in the order of time, including what the callbacks add
  /// that is due as well. Returns how many ran.
  size_t expire(time_point now);

  size_t size() const noexcept { return heap_.size(); }

private:
  struct slot {
    time_point at;
    uint64_t order = 0;
    uint32_t generation = 1;
    uint32_t position = 0;
    callback fn;
  };

  bool before(uint32_t x, uint32_t y) const noexcept;
  void place(uint32_t position, uint32_t slot_index);
  void sift_up(uint32_t position);
  void sift_down(uint32_t position);
  /// Takes the slot out of the heap and returns its callback.
  callback remove(uint32_t slot_index);

  std::function<time_point()> now_;
  std::function<void(time_point)> on_earlier_;
  std::vector<slot> slots_;
  std::vector<uint32_t> free_;
  std::vector<uint32_t> heap_;
  uint64_t order_ = 0;
};

} // namespace dbs
