#include "dbs/runtime/caf/job_queue.hpp"

#include "dbs/testing/eventually.hpp"

#include "unit/runtime/caf/idle_job.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <utility>

using namespace dbs;
using namespace dbs::tests;
using testing::eventually;
using namespace std::chrono_literals;

namespace {

/// Waits until it is told what to do.
class scripted_work final : public idle_work {
public:
  void await() noexcept override {
    ++awaits;
    woken_.park();
  }

  void serve(bool interrupted) noexcept override {
    interrupts += interrupted ? 1 : 0;
    if (body)
      std::exchange(body, nullptr)();
    ++serves;
  }

  bool looked_after() const noexcept override { return looks; }

  void interrupt() noexcept override { woken_.unpark(); }

  bool has_put_off() const noexcept override { return put_off; }

  void catch_up() noexcept override {
    put_off = false;
    ++catch_ups;
  }

  /// What `await` waits for has come.
  void happen(std::function<void()> what) {
    body = std::move(what);
    woken_.unpark();
  }

  std::function<void()> body;
  std::atomic<int> awaits{0};
  std::atomic<int> serves{0};
  std::atomic<int> interrupts{0};
  std::atomic<bool> looks{true};
  std::atomic<bool> put_off{false};
  std::atomic<int> catch_ups{0};

private:
  job_queue::parking_place woken_;
};

struct fixture {
  /// A worker that takes one job and is gone.
  std::future<caf::resumable*> worker() {
    return std::async(std::launch::async, [this] {
      job_queue::parking_place place;
      return queue.pop(place);
    });
  }

  std::future<caf::resumable*> sleeping_worker() {
    auto already = queue.sleeping();
    auto result = worker();
    REQUIRE(eventually([this, already] { return queue.sleeping() == already + 1; }));
    return result;
  }

  std::future<caf::resumable*> waiting_worker() {
    auto already = work.awaits.load();
    auto result = worker();
    REQUIRE(eventually([this, already] { return work.awaits == already + 1; }));
    return result;
  }

  explicit fixture(size_t cpus = 2) : queue(cpus) {}

  /// The idle work queues the first jobs.
  void bring(size_t how_many) {
    work.happen([this, how_many] {
      for (size_t i = 0; i < how_many; ++i)
        queue.push(&jobs[i]);
    });
  }

  job_queue queue;
  scripted_work work;
  std::array<idle_job, 3> jobs;
};

struct on_one_cpu : fixture {
  on_one_cpu() : fixture(1) {}
};

} // namespace

TEST_CASE_METHOD(fixture, "jobs are taken in the order in which they came") {
  for (auto& x : jobs)
    queue.push(&x);
  job_queue::parking_place place;
  for (auto& x : jobs)
    CHECK(queue.pop(place) == &x);
}

TEST_CASE_METHOD(fixture, "a worker without a job sleeps until one comes") {
  auto taken = sleeping_worker();
  queue.push(&jobs[0]);
  CHECK(taken.get() == &jobs[0]);
  CHECK(queue.sleeping() == 0);
}

TEST_CASE_METHOD(fixture, "each job wakes one worker, the one that slept last first") {
  auto early = sleeping_worker();
  auto late = sleeping_worker();
  queue.push(&jobs[0]);
  CHECK(late.get() == &jobs[0]);
  CHECK(queue.sleeping() == 1);
  queue.push(&jobs[1]);
  CHECK(early.get() == &jobs[1]);
}

TEST_CASE_METHOD(fixture, "a worker that was woken for nothing sleeps again") {
  auto taken = sleeping_worker();
  // when what it was woken for is gone before it is there, or right after
  queue.lend(work);
  queue.take_back(work);
  REQUIRE(eventually([this] { return queue.sleeping() == 1; }));
  queue.push(&jobs[0]);
  CHECK(taken.get() == &jobs[0]);
}

// -- idle work ---------------------------------------------------------------------

TEST_CASE_METHOD(fixture, "one idle worker does the idle work, the others sleep") {
  queue.lend(work);
  auto first = waiting_worker();
  auto second = sleeping_worker();
  CHECK(work.awaits == 1);
  queue.push(&jobs[0]);
  CHECK(second.get() == &jobs[0]);
  queue.push(&jobs[1]);
  CHECK(first.get() == &jobs[1]);
}

TEST_CASE_METHOD(fixture, "what was put off is done by the first worker that finds no job") {
  queue.lend(work);
  queue.push(&jobs[0]);
  CHECK(queue.has_jobs());
  work.put_off = true;
  auto busy = worker();
  CHECK(busy.get() == &jobs[0]);
  CHECK(!queue.has_jobs());
  CHECK(work.catch_ups == 0);
  // when one finds nothing, it is done before anybody waits
  auto idle = waiting_worker();
  CHECK(work.catch_ups == 1);
  // also by one that is about to sleep, while another one waits
  work.put_off = true;
  auto second = sleeping_worker();
  CHECK(work.catch_ups == 2);
  queue.push(&jobs[1]);
  queue.push(&jobs[2]);
  idle.get();
  second.get();
}

TEST_CASE_METHOD(fixture, "a worker that sleeps when work is lent goes to it") {
  auto taken = sleeping_worker();
  queue.lend(work);
  CHECK(eventually([this] { return work.awaits == 1; }));
  queue.push(&jobs[0]);
  taken.get();
}

TEST_CASE_METHOD(fixture, "a job interrupts the idle work once if nobody sleeps") {
  queue.lend(work);
  auto taken = waiting_worker();
  queue.push(&jobs[0]);
  queue.push(&jobs[1]);
  CHECK(taken.get() == &jobs[0]);
  CHECK(work.interrupts == 1);
  CHECK(work.serves == 1);
}

TEST_CASE_METHOD(fixture, "what the idle work queues is done by its own worker") {
  queue.lend(work);
  auto taken = waiting_worker();
  auto other = sleeping_worker();
  bring(1);
  CHECK(taken.get() == &jobs[0]);
  CHECK(work.interrupts == 0);
  // and nobody was woken
  CHECK(queue.sleeping() == 1);
  queue.push(&jobs[1]);
  CHECK(other.get() == &jobs[1]);
}

TEST_CASE_METHOD(fixture, "if the idle work queues several, others are woken for the rest") {
  queue.lend(work);
  auto taken = waiting_worker();
  auto other = sleeping_worker();
  bring(2);
  std::array got{taken.get(), other.get()};
  CHECK(((got == std::array<caf::resumable*, 2>{&jobs[0], &jobs[1]}) ||
         (got == std::array<caf::resumable*, 2>{&jobs[1], &jobs[0]})));
}

TEST_CASE_METHOD(on_one_cpu, "a worker wakes nobody for what only it could do now") {
  queue.lend(work);
  auto taken = waiting_worker();
  auto second = sleeping_worker();
  auto third = sleeping_worker();
  bring(3);
  CHECK(taken.get() == &jobs[0]);
  CHECK(queue.sleeping() == 2);
  // until somebody finds that it stays away
  queue.help();
  second.get();
  third.get();
  CHECK(!queue.has_jobs());
}

TEST_CASE_METHOD(on_one_cpu, "but wakes the others if nobody looks after it") {
  queue.lend(work);
  auto taken = waiting_worker();
  auto other = sleeping_worker();
  work.looks = false;
  bring(2);
  taken.get();
  other.get();
  CHECK(!queue.has_jobs());
}

TEST_CASE_METHOD(on_one_cpu, "what was left to be helped with is not forgotten with the work") {
  queue.lend(work);
  auto taken = waiting_worker();
  auto other = sleeping_worker();
  bring(2);
  taken.get();
  queue.take_back(work);
  other.get();
  CHECK(!queue.has_jobs());
}

TEST_CASE_METHOD(fixture, "help wakes nobody if no jobs wait") {
  auto sleeper = sleeping_worker();
  queue.help();
  CHECK(queue.sleeping() == 1);
  queue.push(&jobs[0]);
  sleeper.get();
}

TEST_CASE_METHOD(fixture, "a worker that the idle work has brought nothing returns to it") {
  queue.lend(work);
  auto taken = waiting_worker();
  work.happen(nullptr);
  CHECK(eventually([this] { return work.awaits == 2; }));
  queue.push(&jobs[0]);
  CHECK(taken.get() == &jobs[0]);
}

TEST_CASE_METHOD(fixture, "workers do the work that was lent to first, and then the next") {
  scripted_work next;
  queue.lend(work);
  queue.lend(next);
  auto taken = waiting_worker();
  work.happen(nullptr);
  CHECK(eventually([this] { return work.awaits == 2; }));
  CHECK(next.awaits == 0);
  queue.take_back(work);
  CHECK(eventually([&next] { return next.awaits == 1; }));
  queue.push(&jobs[0]);
  taken.get();
}

TEST_CASE_METHOD(fixture, "a worker that sleeps goes to the next work") {
  scripted_work next;
  queue.lend(work);
  auto busy = waiting_worker();
  auto sleeper = sleeping_worker();
  queue.lend(next);
  // given that the one who was at the first work is gone with a job of its
  bring(1);
  busy.get();
  queue.take_back(work);
  CHECK(eventually([&next] { return next.awaits == 1; }));
  queue.push(&jobs[1]);
  sleeper.get();
}

TEST_CASE_METHOD(fixture, "a work that was taken back before its turn is never done") {
  scripted_work next;
  queue.lend(work);
  queue.lend(next);
  queue.take_back(next);
  auto taken = waiting_worker();
  queue.push(&jobs[0]);
  taken.get();
  CHECK(next.awaits == 0);
}

TEST_CASE_METHOD(fixture, "nobody does a work that was taken back") {
  queue.lend(work);
  auto taken = waiting_worker();
  std::promise<void> begun;
  std::promise<void> may_end;
  work.happen([&] {
    begun.set_value();
    may_end.get_future().wait();
  });
  begun.get_future().wait();
  auto back = std::async(std::launch::async, [this] { queue.take_back(work); });
  // it waits for the worker that is at it
  CHECK(back.wait_for(20ms) == std::future_status::timeout);
  may_end.set_value();
  back.get();
  auto done = work.serves.load();
  // and the worker sleeps from then on
  REQUIRE(eventually([this] { return queue.sleeping() == 1; }));
  CHECK(work.serves == done);
  CHECK(work.awaits == done);
  queue.push(&jobs[0]);
  CHECK(taken.get() == &jobs[0]);
}
