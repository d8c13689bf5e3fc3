#include "dbs/runtime/observe/latency_window.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <chrono>

using namespace dbs::observe;
using namespace std::chrono_literals;

namespace {

struct fixture {
  /// Moves the clock in steps, as a manager's ticks do.
  void pass(caf::timespan time) {
    for (caf::timespan step = 1s; time > 0s; time -= step) {
      now += step;
      window.advance(now);
    }
  }

  double max_ms() const {
    return std::chrono::duration<double, std::milli>{window.snapshot().max()}.count();
  }

  latency_window::time_point now{};
  histogram all;
  latency_window window{all, 60s};

  fixture() { window.advance(now); }
};

} // namespace

TEST_CASE_METHOD(fixture, "a slow value counts for one span at least, for two at most") {
  pass(30s);
  all.record(5s);
  all.record(1ms);
  pass(59s);
  CHECK(window.snapshot().count() == 2);
  CHECK(max_ms() == 5000);
  pass(120s);
  CHECK(window.snapshot().count() == 0);
  CHECK(max_ms() == 0);
  // the histogram itself forgets nothing
  CHECK(all.snapshot().count() == 2);
}

TEST_CASE_METHOD(fixture, "the maximum of a window is its own, within one per cent") {
  all.record(5s);
  pass(121s);
  all.record(20ms);
  all.record(10ms);
  CHECK(window.snapshot().count() == 2);
  CHECK(max_ms() == Catch::Approx(20).epsilon(0.01));
  CHECK(summarize(window.snapshot()).avg == 15ms);
  auto p50 = std::chrono::duration<double, std::milli>{window.snapshot().quantile(0.5)}.count();
  CHECK(p50 == Catch::Approx(10).epsilon(0.01));
  all.record(6s);
  CHECK(max_ms() == 6000);
}

TEST_CASE_METHOD(fixture, "after a pause nothing old is left") {
  all.record(5s);
  now += 10min;
  window.advance(now);
  CHECK(window.snapshot().count() == 0);
  all.record(1ms);
  CHECK(window.snapshot().count() == 1);
}

TEST_CASE("what a histogram holds before the window begins is not in it") {
  histogram all;
  all.record(5s);
  latency_window window{all, 60s};
  CHECK(window.snapshot().count() == 0);
}
