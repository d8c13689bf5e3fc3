#include "dbs/runtime/caf/socket_duty.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace dbs;
using task = socket_duty::task;

namespace {

/// Looks until the loop's thread may sleep. Returns how often.
int looks_until_sleep(socket_duty& duty) {
  for (auto looks = 0; looks < 1000; ++looks)
    if (duty.next() == task::sleep)
      return looks;
  FAIL("the loop's thread never sleeps");
  return 0;
}

} // namespace

TEST_CASE("the loop's thread watches while no worker comes") {
  socket_duty duty;
  CHECK(duty.next() == task::watch);
  CHECK_FALSE(duty.relieved());
  CHECK(duty.next() == task::watch);
}

TEST_CASE("a worker that comes relieves it") {
  socket_duty duty;
  duty.next();
  duty.come();
  CHECK(duty.relieved());
  CHECK(duty.next() == task::look_again);
  CHECK_FALSE(duty.relieved());
  CHECK(duty.next() == task::look_again);
}

TEST_CASE("it takes over when a worker has not come back from one look to the next") {
  socket_duty duty;
  duty.come();
  CHECK(duty.next() == task::look_again);
  CHECK_FALSE(duty.leave());
  CHECK(duty.next() == task::watch);
}

TEST_CASE("a worker that comes and goes between two looks keeps its duty") {
  socket_duty duty;
  for (auto i = 0; i < 100; ++i) {
    duty.come();
    CHECK_FALSE(duty.leave());
    CHECK(duty.next() == task::look_again);
  }
}

TEST_CASE("it sleeps when a worker waits for long, and is called when that leaves") {
  socket_duty duty;
  duty.come();
  CHECK(looks_until_sleep(duty) > 1);
  CHECK(duty.leave());
  // and then looks once more before it takes over: the worker is busy with what it found
  duty.wake();
  CHECK(duty.next() == task::look_again);
  CHECK(duty.next() == task::watch);
}

TEST_CASE("once it is awake again nobody needs to call it") {
  socket_duty duty;
  duty.come();
  looks_until_sleep(duty);
  duty.wake();
  duty.leave();
  duty.come();
  CHECK_FALSE(duty.leave());
}
