// Actors that each keep one request outstanding, for a given time.
#pragma once

#include "harness/load.hpp"

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

namespace dbs::bench {

/// What the callers of one run share.
class closed_loop_run {
public:
  explicit closed_loop_run(window how) : recorder(how) {}

  void fail(std::string why) {
    std::lock_guard guard{mutex_};
    if (failure_.empty())
      failure_ = std::move(why);
  }

  /// Once all callers have ended. Throws `std::runtime_error` if one has failed: a
  /// benchmark of errors is none.
  load_summary summarize() const {
    if (!failure_.empty())
      throw std::runtime_error("a request failed: " + failure_);
    return recorder.summarize();
  }

  load_recorder recorder;

private:
  std::mutex mutex_;
  std::string failure_; // guarded by mutex_ while callers run
};

/// Runs `operation(self, turn)` again and again. An operation starts one request and
/// sees to it that `turn.done()` or `turn.failed(why)` is called when it has ended.
template <class Operation>
class caller {
public:
  static inline const char* name = "dbs.bench.caller";

  /// Small enough to be captured by any handler.
  struct turn {
    caller* self;
    void done() const { self->finish(); }
    void failed(std::string why) const { self->run_->fail(std::move(why)); }
  };

  caller(caf::event_based_actor* self, std::shared_ptr<closed_loop_run> run, Operation operation)
      : self_(self), run_(std::move(run)), operation_(std::move(operation)) {}

  caf::behavior make_behavior() {
    next(clock::now());
    // An actor lives as long as it has a behavior or answers to wait for.
    return {};
  }

private:
  using clock = load_recorder::clock;

  void next(clock::time_point now) {
    started_ = now;
    if (run_->recorder.open(now))
      operation_(self_, turn{this});
  }

  /// One reading of the clock for the end of a request and the start of the next, as the peers
  /// in C++ have it.
  void finish() {
    auto now = clock::now();
    run_->recorder.record(started_, now);
    next(now);
  }

  caf::event_based_actor* self_;
  std::shared_ptr<closed_loop_run> run_;
  Operation operation_;
  clock::time_point started_{};
};

/// Runs `callers` actors, each with the operation that `make_operation(number)` gives.
template <class MakeOperation>
load_summary closed_loop(caf::actor_system& system, int callers, window how,
                         MakeOperation make_operation) {
  using operation = decltype(make_operation(0));
  auto run = std::make_shared<closed_loop_run>(how);
  caf::scoped_actor self{system};
  for (auto i = 0; i < callers; ++i)
    self->monitor(system.spawn<caf::stateful_actor<caller<operation>>>(run, make_operation(i)));
  for (auto ended = 0; ended < callers; ++ended)
    self->receive([&run](const caf::down_msg& down) {
      if (down.reason)
        run->fail(to_string(down.reason));
    });
  return run->summarize();
}

} // namespace dbs::bench
