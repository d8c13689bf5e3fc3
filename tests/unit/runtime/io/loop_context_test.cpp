#include "dbs/runtime/io/loop_context.hpp"

#include "dbs/testing/eventually.hpp"

#include <boost/asio/executor_work_guard.hpp>

#include <catch2/catch_test_macros.hpp>

#include <unistd.h>

#include <fstream>
#include <future>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace dbs;

namespace {

/// Whether another thread gets the turn of `loop` now.
bool borrowable(loop_context& loop) {
  return std::async(std::launch::async, [&loop] { return loop.borrow_turn().owns_lock(); }).get();
}

/// The state of a thread of this process, as the kernel tells it (proc(5)).
char state_of(pid_t thread) {
  std::ifstream stat{"/proc/self/task/" + std::to_string(thread) + "/stat"};
  std::string text{std::istreambuf_iterator<char>{stat}, {}};
  return text.at(text.rfind(')') + 2);
}

} // namespace

TEST_CASE("a loop that keeps its turn lends it to nobody") {
  loop_context loop;
  CHECK_FALSE(borrowable(loop));
  CHECK_FALSE(loop.take_turn().owns_lock());
}

TEST_CASE("the turn of a loop is to be had when nobody has it") {
  loop_context loop{loop_context::turns::lent};
  CHECK(borrowable(loop));
  auto mine = loop.take_turn();
  CHECK_FALSE(borrowable(loop));
  mine = {};
  CHECK(borrowable(loop));
}

TEST_CASE("the loop's own thread goes before those who borrow one after the other") {
  loop_context loop{loop_context::turns::lent};
  std::promise<pid_t> waits;
  std::promise<void> checked;
  auto mine = loop.borrow_turn();
  // given that the loop's thread waits for the turn: it sleeps, for there is nothing else
  std::thread own{[&] {
    waits.set_value(::gettid());
    auto turn = loop.take_turn();
    checked.get_future().wait();
  }};
  auto thread = waits.get_future().get();
  CHECK(testing::eventually([thread] { return state_of(thread) == 'S'; }));
  // when the borrower gives it back and wants it again at once
  mine = {};
  CHECK_FALSE(loop.borrow_turn().owns_lock());
  checked.set_value();
  own.join();
  CHECK(borrowable(loop));
}

TEST_CASE("what is posted to a loop and what is bound to its turn runs in it") {
  loop_context loop{loop_context::turns::lent};
  std::vector<bool> seen;
  loop.post([&] { seen.push_back(borrowable(loop)); });
  boost::asio::post(loop, loop.in_turn([&] { seen.push_back(borrowable(loop)); }));
  boost::asio::post(loop, [&] { seen.push_back(borrowable(loop)); });
  loop.run();
  CHECK(seen == std::vector{false, false, true});
}

TEST_CASE("what a turn leaves for later runs in it, when its body has ended") {
  loop_context loop{loop_context::turns::lent};
  std::vector<std::string> seen;
  auto note = [&](const char* what) {
    CHECK_FALSE(borrowable(loop));
    seen.emplace_back(what);
  };
  auto mine = loop.take_turn();
  loop.run_in_turn([&] {
    loop.later([&] {
      loop.later([&] { note("last"); });
      note("later");
    });
    note("body");
  });
  CHECK(seen == std::vector<std::string>{"body", "later", "last"});
  CHECK(loop.poll() == 0);
}

TEST_CASE("what is left for later outside of a turn's body is posted") {
  loop_context loop;
  auto ran = false;
  loop.later([&] { ran = true; });
  CHECK_FALSE(ran);
  loop.run();
  CHECK(ran);
}

TEST_CASE("a handler bound to the turn gets its arguments and may be moved only") {
  loop_context loop;
  auto sum = 0;
  auto handler = loop.in_turn([&sum, own = std::make_unique<int>(1)](int a, int b) {
    sum = a + b + *own; //
  });
  handler(2, 3);
  CHECK(sum == 6);
}

TEST_CASE("what is deferred in a turn is done once, at its end, unless it is forgotten") {
  struct noting final : deferred_work {
    void run_deferred() override { ++runs; }
    int runs = 0;
  };
  loop_context loop;
  noting kept;
  noting forgotten;
  loop.post([&] {
    loop.defer(kept);
    loop.defer(forgotten);
    loop.forget(forgotten);
    CHECK(loop.has_deferred());
    CHECK(kept.runs == 0);
  });
  loop.post([&] { CHECK(kept.runs == 1); });
  loop.run();
  CHECK(kept.runs == 1);
  CHECK(forgotten.runs == 0);
  CHECK(!loop.has_deferred());
}

TEST_CASE("handlers of the loop's thread and of borrowers never run at the same time") {
  constexpr auto rounds = 20'000;
  loop_context loop{loop_context::turns::lent};
  auto count = 0; // without a lock of its own
  auto borrowed = 0;
  auto guard = boost::asio::make_work_guard(loop);
  std::thread runner{[&loop] { loop.run(); }};
  for (auto i = 0; i < rounds; ++i) {
    if (auto mine = loop.borrow_turn()) {
      ++count;
      ++borrowed;
    } else {
      loop.post([&count] { ++count; });
    }
    if (i % 3 == 0)
      loop.post([&count] { ++count; });
  }
  guard.reset();
  runner.join();
  CHECK(count == rounds + (rounds + 2) / 3);
  CHECK(borrowed > 0);
}
