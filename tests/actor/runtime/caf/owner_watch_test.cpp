#include "dbs/runtime/caf/owner_watch.hpp"

#include "actor/runtime/caf/probe_actor.hpp"

#include "dbs/runtime/caf/front.hpp"
#include "dbs/testing/fixture/actor_fixture.hpp"

#include <caf/make_actor.hpp>
#include <caf/node_id.hpp>

#include <catch2/catch_test_macros.hpp>

#include <malloc.h>

#include <memory>
#include <vector>

using namespace dbs;
using namespace dbs::tests;

namespace {

struct fixture : testing::actor_fixture {
  using watch_type = owner_watch<loop_actor<probe_actor>>;

  /// The watch ends with its actor, whose state it belongs to.
  ~fixture() { kill(caf::actor_cast<caf::strong_actor_ptr>(probe)); }

  watch_type::owner_id watch(const caf::strong_actor_ptr& owner) {
    watch_type::owner_id result = 0;
    actor.enter([&] { result = owners.watch(owner); });
    return result;
  }

  caf::strong_actor_ptr owner() {
    return caf::actor_cast<caf::strong_actor_ptr>(spawn_on_loop<probe_state>());
  }

  void kill(const caf::strong_actor_ptr& whom) {
    caf::anon_send_exit(whom, caf::exit_reason::kill);
    run();
  }

  probe_actor probe = spawn_on_loop<probe_state>();
  loop_actor<probe_actor>& actor = actor_of<probe_state>(probe);
  std::vector<watch_type::owner_id> down;
  watch_type owners{&actor, [this](watch_type::owner_id id) { down.push_back(id); }};
};

} // namespace

TEST_CASE_METHOD(fixture, "the death of an owner is told once, however much it owned") {
  auto first = owner();
  auto second = owner();
  auto id = watch(first);
  CHECK(watch(first) == id);
  CHECK(owners.id_of(first) == id);
  auto other = watch(second);
  CHECK(other != id);
  CHECK(owners.size() == 2);
  kill(first);
  CHECK(down == std::vector{id});
  CHECK(owners.size() == 1);
  kill(second);
  CHECK(down == std::vector{id, other});
}

TEST_CASE_METHOD(fixture, "an owner that is dead already is told as soon as the actor is free") {
  auto late = owner();
  run();
  kill(late);
  auto id = watch(late);
  CHECK(down.empty());
  run();
  CHECK(down == std::vector{id});
  CHECK(owners.size() == 0);
}

TEST_CASE_METHOD(fixture, "many owners may die in one round") {
  std::vector<caf::strong_actor_ptr> all;
  for (int i = 0; i < 1'000; ++i) {
    all.push_back(owner());
    watch(all.back());
  }
  CHECK(owners.size() == 1'000);
  for (auto& x : all)
    caf::anon_send_exit(x, caf::exit_reason::kill);
  run();
  CHECK(down.size() == 1'000);
  CHECK(owners.size() == 0);
}

TEST_CASE_METHOD(fixture, "a million leases of one owner keep one monitor") {
  auto patient = owner();
  watch(patient);
  auto before = mallinfo2().uordblks;
  actor.enter([&] {
    for (int i = 0; i < 1'000'000; ++i)
      owners.watch(patient);
  });
  CHECK(mallinfo2().uordblks < before + 4096);
  CHECK(owners.size() == 1);
  kill(patient);
  CHECK(down.size() == 1);
}

TEST_CASE_METHOD(fixture, "owners on two nodes with the same actor id are two owners") {
  auto local = owner();
  auto elsewhere = caf::make_node_id(1, std::string(40, 'a'));
  REQUIRE(elsewhere);
  caf::actor_config cfg;
  auto remote =
      caf::make_actor<front, caf::strong_actor_ptr>(local->id(), *elsewhere, &sys(), cfg, "remote");
  CHECK(owners.id_of(remote) == 0);
  auto local_id = watch(local);
  auto remote_id = watch(remote);
  CHECK(local_id == local->id());
  CHECK(remote_id >= watch_type::first_remote_id);
  CHECK(owners.id_of(remote) == remote_id);
  CHECK(owners.size() == 2);
  kill(local);
  CHECK(down == std::vector{local_id});
  CHECK(owners.id_of(remote) == remote_id);
}
