#include "dbs/runtime/caf/shared_queue_policy.hpp"

#include "dbs/testing/eventually.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <thread>

using namespace dbs;

namespace {

/// What CAF's coordinator and workers are to a policy.
struct coordinator {
  shared_queue_policy::coordinator_data shared{nullptr};
  auto& data() { return shared; }

  size_t parked() {
    std::lock_guard guard{shared.mutex};
    return shared.parked.size();
  }
};

struct worker {
  coordinator* owner;
  shared_queue_policy::worker_data own{nullptr};
  auto* parent() { return owner; }
  auto& data() { return own; }
};

struct job final : caf::resumable {
  subtype_t subtype() const override { return function_object; }
  resume_result resume(caf::execution_unit*, size_t) override { return done; }
  void intrusive_ptr_add_ref_impl() override {}
  void intrusive_ptr_release_impl() override {}
};

struct fixture {
  /// A thread that takes one job and is gone.
  std::thread taker(worker& by, caf::resumable*& taken) {
    return std::thread{[this, &by, &taken] { taken = policy.dequeue(&by); }};
  }

  void until_parked(size_t how_many) {
    testing::eventually([this, how_many] { return all.parked() == how_many; });
  }

  shared_queue_policy policy;
  coordinator all;
  std::array<worker, 2> workers{worker{&all}, worker{&all}};
  std::array<job, 3> jobs;
};

} // namespace

TEST_CASE_METHOD(fixture, "jobs are taken in the order in which they came") {
  policy.central_enqueue(&all, &jobs[0]);
  policy.internal_enqueue(&workers[0], &jobs[1]);
  policy.resume_job_later(&workers[1], &jobs[2]);
  CHECK(policy.dequeue(&workers[1]) == &jobs[0]);
  CHECK(policy.dequeue(&workers[0]) == &jobs[1]);
  CHECK(policy.dequeue(&workers[0]) == &jobs[2]);
}

TEST_CASE_METHOD(fixture, "a worker without a job sleeps until one comes") {
  caf::resumable* taken = nullptr;
  auto thread = taker(workers[0], taken);
  until_parked(1);
  policy.central_enqueue(&all, &jobs[0]);
  thread.join();
  CHECK(taken == &jobs[0]);
  CHECK(all.parked() == 0);
}

TEST_CASE_METHOD(fixture, "each job wakes one worker, the one that slept last first") {
  caf::resumable* early = nullptr;
  caf::resumable* late = nullptr;
  auto first = taker(workers[0], early);
  until_parked(1);
  auto second = taker(workers[1], late);
  until_parked(2);
  // when one job comes
  policy.central_enqueue(&all, &jobs[0]);
  // then the other worker sleeps on
  second.join();
  CHECK(late == &jobs[0]);
  CHECK(all.parked() == 1);
  policy.central_enqueue(&all, &jobs[1]);
  first.join();
  CHECK(early == &jobs[1]);
}

TEST_CASE_METHOD(fixture, "a worker that was woken for nothing sleeps again") {
  caf::resumable* taken = nullptr;
  auto thread = taker(workers[0], taken);
  until_parked(1);
  // when another worker takes the job before the one that was woken for it is there
  {
    std::lock_guard guard{all.shared.mutex};
    REQUIRE(all.shared.parked.back() == &workers[0].own.place);
    all.shared.parked.pop_back();
  }
  workers[0].own.place.unpark();
  until_parked(1);
  CHECK(taken == nullptr);
  policy.central_enqueue(&all, &jobs[1]);
  thread.join();
  CHECK(taken == &jobs[1]);
}

TEST_CASE_METHOD(fixture, "what is left at the end is handed out once") {
  policy.central_enqueue(&all, &jobs[0]);
  policy.central_enqueue(&all, &jobs[1]);
  std::vector<caf::resumable*> left;
  auto keep = [&left](caf::resumable* what) { left.push_back(what); };
  policy.foreach_resumable(&workers[0], keep);
  policy.foreach_central_resumable(&all, keep);
  policy.foreach_central_resumable(&all, keep);
  CHECK(left == std::vector<caf::resumable*>{&jobs[0], &jobs[1]});
}
