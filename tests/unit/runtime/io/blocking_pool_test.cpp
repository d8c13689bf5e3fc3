#include "dbs/runtime/io/blocking_pool.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/io/loop_context.hpp"
#include "dbs/runtime/io/resolver.hpp"

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <chrono>
#include <csignal>
#include <future>
#include <memory>
#include <thread>
#include <vector>

using namespace dbs;
using namespace std::chrono_literals;

namespace {

/// Runs the loop until `done` holds; fails the test after ten seconds.
template <class Predicate>
void run_until(loop_context& io, Predicate done) {
  auto end = std::chrono::steady_clock::now() + 10s;
  while (!done()) {
    REQUIRE(std::chrono::steady_clock::now() < end);
    io.restart();
    io.run_one_for(10ms);
  }
}

} // namespace

TEST_CASE("work runs on another thread with signals blocked, and its end on the loop") {
  loop_context io;
  blocking_pool pool{2, 4};
  std::thread::id worked;
  std::thread::id ended;
  auto blocks_pipe = false;
  REQUIRE(pool.submit(
      [&] {
        worked = std::this_thread::get_id();
        sigset_t mask;
        pthread_sigmask(SIG_SETMASK, nullptr, &mask);
        blocks_pipe = sigismember(&mask, SIGPIPE) == 1;
      },
      io, [&] { ended = std::this_thread::get_id(); }));
  run_until(io, [&] { return ended != std::thread::id{}; });
  CHECK(ended == std::this_thread::get_id());
  CHECK(worked != ended);
  CHECK(blocks_pipe);
}

TEST_CASE("a job is refused when all threads work and enough jobs wait") {
  // given two threads that are busy and one job that waits
  loop_context io;
  std::promise<void> gate;
  auto open = gate.get_future().share();
  std::atomic<int> running = 0;
  auto ended = 0;
  blocking_pool pool{2, 1};
  auto job = [&running, open] {
    ++running;
    open.wait();
  };
  REQUIRE(pool.submit(job, io, [&] { ++ended; }));
  REQUIRE(pool.submit(job, io, [&] { ++ended; }));
  REQUIRE(pool.submit(job, io, [&] { ++ended; }));
  // when one more comes
  CHECK_FALSE(pool.submit(job, io, [&] { ++ended; }));
  // then the three are done once they can, and there is room again
  run_until(io, [&] { return running == 2; });
  gate.set_value();
  run_until(io, [&] { return ended == 3; });
  CHECK(pool.submit(job, io, [&] { ++ended; }));
  run_until(io, [&] { return ended == 4; });
}

TEST_CASE("the end of a pool does not wait for jobs that hang") {
  // given twenty pools, each with a job that hangs
  loop_context io;
  std::promise<void> gate;
  auto open = gate.get_future().share();
  std::vector<std::unique_ptr<blocking_pool>> pools;
  std::vector<std::future<void>> finished;
  for (int i = 0; i < 20; ++i) {
    auto started = std::make_shared<std::promise<void>>();
    auto ended = std::make_shared<std::promise<void>>();
    pools.push_back(std::make_unique<blocking_pool>(1, 1));
    REQUIRE(pools.back()->submit(
        [=] {
          started->set_value();
          open.wait();
          ended->set_value();
        },
        io, [] {}));
    started->get_future().wait();
    finished.push_back(ended->get_future());
  }
  // when all of them end
  auto begin = std::chrono::steady_clock::now();
  pools.clear();
  // then it takes no time, and the jobs end later, if they can
  CHECK(std::chrono::steady_clock::now() - begin < 1s);
  gate.set_value();
  for (auto& x : finished)
    CHECK(x.wait_for(10s) == std::future_status::ready);
}

TEST_CASE("nothing is told after the end of a pool, and what was to be told dies with it") {
  // given a job that runs and one that waits
  loop_context io;
  auto gate = std::make_shared<std::promise<void>>();
  auto started = std::make_shared<std::promise<void>>();
  auto finished = std::make_shared<std::promise<void>>();
  auto told = std::make_shared<int>(0);
  auto waiting_ran = std::make_shared<std::atomic<bool>>(false);
  auto pool = std::make_unique<blocking_pool>(1, 1);
  REQUIRE(pool->submit(
      [=] {
        started->set_value();
        gate->get_future().wait();
        finished->set_value();
      },
      io, [told] { ++*told; }));
  started->get_future().wait();
  REQUIRE(pool->submit([=] { *waiting_ran = true; }, io, [told] { ++*told; }));
  // when
  pool.reset();
  // then what their ends own has gone already, on this thread
  CHECK(told.use_count() == 1);
  gate->set_value();
  finished->get_future().wait();
  io.restart();
  io.run_for(20ms);
  CHECK(*told == 0);
  CHECK_FALSE(*waiting_ran);
}

TEST_CASE("the system's resolver finds the loopback addresses and names what it does not find") {
  loop_context io;
  blocking_pool pool{1, 4};
  auto names = make_system_resolver(io, pool);
  std::vector<std::string> found;
  names->resolve("localhost", [&](caf::expected<std::vector<std::string>> x) {
    REQUIRE(x);
    found = *x;
  });
  caf::error problem;
  names->resolve("no-such-host.invalid", [&](caf::expected<std::vector<std::string>> x) {
    REQUIRE_FALSE(x);
    problem = x.error();
  });
  CHECK(found.empty()); // never from inside the call
  run_until(io, [&] { return !found.empty() && problem; });
  CHECK(std::count(found.begin(), found.end(), "127.0.0.1") == 1);
  CHECK(problem == errc::connection_lost);
  CHECK(describe(problem).find("no-such-host.invalid") != std::string::npos);
}

TEST_CASE("a look-up that finds no thread is answered, too") {
  loop_context io;
  blocking_pool pool{1, 0};
  auto names = make_system_resolver(io, pool);
  std::promise<void> gate;
  REQUIRE(pool.submit([open = gate.get_future().share()] { open.wait(); }, io, [] {}));
  caf::error problem;
  names->resolve("localhost", [&](caf::expected<std::vector<std::string>> x) {
    problem = x ? caf::error{} : x.error();
  });
  run_until(io, [&] { return static_cast<bool>(problem); });
  CHECK(problem == errc::connection_lost);
  gate.set_value();
}
