#include "dbs/runtime/caf/shared_queue_policy.hpp"

#include "dbs/runtime/caf/program_config.hpp"

#include "unit/runtime/caf/idle_job.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <vector>

using namespace dbs;
using namespace dbs::tests;

namespace {

/// What CAF's coordinator and workers are to a policy.
struct coordinator {
  shared_queue_policy::coordinator_data shared{nullptr};
  auto& data() { return shared; }
};

struct worker {
  coordinator* owner;
  shared_queue_policy::worker_data own{nullptr};
  auto* parent() { return owner; }
  auto& data() { return own; }
};

struct fixture {
  shared_queue_policy policy;
  coordinator all;
  std::array<worker, 2> workers{worker{&all}, worker{&all}};
  std::array<idle_job, 3> jobs;
};

} // namespace

TEST_CASE_METHOD(fixture, "all workers take their jobs from one queue") {
  policy.central_enqueue(&all, &jobs[0]);
  policy.internal_enqueue(&workers[0], &jobs[1]);
  policy.resume_job_later(&workers[1], &jobs[2]);
  CHECK(policy.dequeue(&workers[1]) == &jobs[0]);
  CHECK(policy.dequeue(&workers[0]) == &jobs[1]);
  CHECK(policy.dequeue(&workers[0]) == &jobs[2]);
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

TEST_CASE("the queue of a system's workers is known where the policy is ours") {
  program_config ours;
  caf::actor_system mine{ours};
  CHECK(shared_queue_policy::queue_of(mine) != nullptr);
  caf::actor_system_config other;
  caf::actor_system host{other};
  CHECK(shared_queue_policy::queue_of(host) == nullptr);
}
