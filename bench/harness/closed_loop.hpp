// Callers that each keep one request outstanding, for a given time.
#pragma once

#include "dbs/runtime/observe/histogram.hpp"

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

namespace dbs::bench {

/// What a run has measured.
struct run_figures_t {
  double per_second = 0;
  double p50_us = 0;
  double p99_us = 0;
};

/// Starts one operation of caller `self` and calls `done` when it has succeeded.
/// A failure is for the operation to throw on: a benchmark of errors is none.
using operation = std::function<void(caf::event_based_actor* self, std::function<void()> done)>;

/// Runs `callers` actors for `duration` after a warm-up of a tenth of it.
inline run_figures_t closed_loop(caf::actor_system& system, int callers,
                                 std::chrono::milliseconds duration, const operation& op) {
  using clock = std::chrono::steady_clock;
  struct shared {
    observe::histogram latency;
    clock::time_point counted_from;
    clock::time_point end;
  };
  auto state = std::make_shared<shared>();
  auto begin = clock::now();
  state->counted_from = begin + duration / 10;
  state->end = state->counted_from + duration;
  caf::scoped_actor self{system};
  for (int i = 0; i < callers; ++i) {
    auto caller = system.spawn([state, op](caf::event_based_actor* actor) {
      // The loop holds itself; breaking the cycle ends the actor.
      auto next = std::make_shared<std::function<void()>>();
      *next = [state, op, actor, next] {
        auto started = clock::now();
        if (started >= state->end) {
          auto keep = std::move(*next);
          return;
        }
        op(actor, [state, started, next] {
          auto now = clock::now();
          if (started >= state->counted_from && now <= state->end)
            state->latency.record(now - started);
          auto again = *next;
          again();
        });
      };
      auto first = *next;
      first();
    });
    self->monitor(caller);
  }
  for (int ended = 0; ended < callers;)
    self->receive([&](const caf::down_msg& down) {
      if (down.reason)
        throw std::runtime_error("a caller failed: " + to_string(down.reason));
      ++ended;
    });
  auto figures = observe::summarize(state->latency.snapshot());
  auto us = [](caf::timespan x) { return std::chrono::duration<double, std::micro>{x}.count(); };
  return {static_cast<double>(figures.count) / std::chrono::duration<double>{duration}.count(),
          us(figures.p50), us(figures.p99)};
}

} // namespace dbs::bench
