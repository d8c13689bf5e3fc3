#include "dbs/runtime/io/timer_queue.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>

using namespace dbs;
using namespace std::chrono_literals;

namespace {

using time_point = timer_queue::time_point;

struct fixture {
  time_point now{1s};
  std::vector<time_point> armed;
  timer_queue timers{[this] { return now; }, [this](time_point at) { armed.push_back(at); }};
  std::string journal;

  timer_queue::timer_id add(caf::timespan in, char mark) {
    return timers.schedule(now + in, [this, mark] { journal += mark; });
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "timers run in the order of time, those of one time as they came") {
  add(3ms, 'd');
  add(1ms, 'a');
  add(2ms, 'b');
  add(2ms, 'c');
  CHECK(timers.expire(now) == 0);
  CHECK(timers.expire(now + 2ms) == 3);
  CHECK(journal == "abc");
  CHECK(timers.expire(now + 1h) == 1);
  CHECK(journal == "abcd");
  CHECK(timers.size() == 0);
}

TEST_CASE_METHOD(fixture, "the owner hears of every time that is earlier than all others") {
  add(5ms, 'a');
  add(7ms, 'b');
  add(2ms, 'c');
  CHECK(armed == std::vector{now + 5ms, now + 2ms});
  CHECK(timers.next() == now + 2ms);
  timers.expire(now + 2ms);
  CHECK(timers.next() == now + 5ms);
  CHECK(armed.size() == 2);
}

TEST_CASE_METHOD(fixture, "a cancelled timer does not run, and its id names nothing any more") {
  auto id = add(1ms, 'a');
  auto copy = id;
  add(2ms, 'b');
  CHECK(timers.cancel(id));
  CHECK_FALSE(id);
  CHECK_FALSE(timers.cancel(id));
  CHECK_FALSE(timers.cancel(copy));
  timers.expire(now + 1h);
  CHECK(journal == "b");
}

TEST_CASE_METHOD(fixture,
                 "the id of a timer that ran does not cancel the one that took its place") {
  auto old = add(1ms, 'a');
  timers.expire(now + 1ms);
  add(5ms, 'b');
  CHECK_FALSE(timers.cancel(old));
  timers.expire(now + 1h);
  CHECK(journal == "ab");
}

TEST_CASE_METHOD(fixture, "a timer may schedule and cancel others while it runs") {
  timer_queue::timer_id victim;
  timers.schedule(now + 1ms, [&] {
    journal += 'a';
    CHECK(timers.cancel(victim));
    add(1ms, 'b'); // due in this round
    add(1h, 'd');
  });
  victim = add(2ms, 'c');
  CHECK(timers.expire(now + 2ms) == 2);
  CHECK(journal == "ab");
  CHECK(timers.size() == 1);
}

TEST_CASE_METHOD(fixture, "a timer cannot cancel itself while it runs") {
  timer_queue::timer_id self;
  auto cancelled = true;
  self = timers.schedule(now, [&] { cancelled = timers.cancel(self); });
  timers.expire(now);
  CHECK_FALSE(cancelled);
}

TEST_CASE_METHOD(fixture, "an exception leaves the queue through expire and loses only its timer") {
  timers.schedule(now, [] { throw std::runtime_error{"boom"}; });
  add(0ms, 'a');
  CHECK_THROWS(timers.expire(now));
  CHECK(timers.expire(now) == 1);
  CHECK(journal == "a");
}

TEST_CASE_METHOD(fixture, "clear forgets everything, and what callbacks own may still cancel") {
  auto other = add(2ms, 'a');
  struct canceller {
    timer_queue* timers;
    timer_queue::timer_id* id;
    ~canceller() { CHECK_FALSE(timers->cancel(*id)); }
  };
  timers.schedule(now, [owned = std::shared_ptr<canceller>(new canceller{&timers, &other})] {});
  timers.clear();
  CHECK(timers.size() == 0);
  CHECK_FALSE(timers.next());
  add(1ms, 'b');
  timers.expire(now + 1h);
  CHECK(journal == "b");
}

TEST_CASE("random operations agree with a slow model") {
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random{seed};
    auto below = [&random](int n) { return std::uniform_int_distribution{0, n - 1}(random); };
    time_point now{1s};
    auto earliest = time_point::max();
    timer_queue timers{[&] { return now; },
                       [&](time_point at) {
                         CHECK(at < earliest);
                         earliest = at;
                       }};
    // The model: pending timers by time and number, in the order in which they run.
    std::map<std::pair<time_point, int>, timer_queue::timer_id> pending;
    std::vector<int> ran;
    std::vector<timer_queue::timer_id> dead;
    auto next_of = [&] {
      return pending.empty() ? time_point::max() : pending.begin()->first.first;
    };
    for (int i = 0; i < 3'000; ++i) {
      earliest = next_of();
      switch (below(4)) {
      case 0:
      case 1: {
        auto at = now + caf::timespan{below(200)};
        pending[{at, i}] = timers.schedule(at, [&ran, i] { ran.push_back(i); });
        break;
      }
      case 2:
        if (!pending.empty()) {
          auto victim = std::next(pending.begin(), below(static_cast<int>(pending.size())));
          auto id = victim->second;
          REQUIRE(timers.cancel(victim->second));
          dead.push_back(id);
          pending.erase(victim);
        }
        break;
      default:
        now += caf::timespan{below(40)};
        std::vector<int> expected;
        while (!pending.empty() && pending.begin()->first.first <= now) {
          expected.push_back(pending.begin()->first.second);
          dead.push_back(pending.begin()->second);
          pending.erase(pending.begin());
        }
        ran.clear();
        REQUIRE(timers.expire(now) == expected.size());
        REQUIRE(ran == expected);
      }
      if (!dead.empty()) {
        auto id = dead[static_cast<size_t>(below(static_cast<int>(dead.size())))];
        REQUIRE_FALSE(timers.cancel(id));
      }
      REQUIRE(timers.size() == pending.size());
      REQUIRE(timers.next().value_or(time_point::max()) == next_of());
    }
  }
}
