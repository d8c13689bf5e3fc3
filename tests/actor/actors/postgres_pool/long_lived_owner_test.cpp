// An owner that takes and gives back a million leases leaves no trace of them.
#include "actor/actors/postgres_pool/pool_scene.hpp"
#include "process_memory.hpp"
#include "sanitized.hpp"

using namespace dbs;
using namespace dbs::tests;

namespace {

/// Checks out and releases, one after the other, as often as it is told to.
class tireless_owner : public caf::event_based_actor {
public:
  tireless_owner(caf::actor_config& cfg, postgres_pool_actor pool)
      : caf::event_based_actor(cfg), pool_(std::move(pool)) {}

  caf::behavior make_behavior() override {
    return {[this](int times) {
      left_ = times;
      next();
    }};
  }

  int left() const noexcept { return left_; }

  /// What others have attached to this actor: a monitor is one.
  size_t attached() const {
    size_t result = 0;
    for (auto* x = attachables_head_.get(); x != nullptr; x = x->next.get())
      ++result;
    return result;
  }

private:
  void next() {
    if (left_ == 0)
      return;
    --left_;
    request(pool_, caf::infinite, checkout_atom_v, call_context{}, pg_checkout{})
        .then([this](pg_lease lease) {
          request(pool_, caf::infinite, release_atom_v, call_context{}, lease).then([this] {
            next();
          });
        });
  }

  postgres_pool_actor pool_;
  int left_ = 0;
};

} // namespace

TEST_CASE_METHOD(pool_scene, "a million leases of one owner leave its memory and ours flat") {
  constexpr int warm_up = 10'000;
  constexpr int leases = sanitized ? 20'000 : 1'000'000;
  start();
  auto handle = track(sys().spawn<tireless_owner>(pool));
  auto* who = caf::actor_cast<tireless_owner*>(handle);
  caf::anon_send(handle, warm_up);
  run();
  REQUIRE(who->left() == 0);
  auto before = resident_bytes();
  // when
  caf::anon_send(handle, leases);
  run();
  // then
  REQUIRE(who->left() == 0);
  CHECK(counter("checkouts") == warm_up + leases);
  CHECK(counter("releases") == warm_up + leases);
  CHECK(who->attached() == 1);
  CHECK(stats().leases == 0);
  CHECK(stats().idle == 1);
  CHECK(pending_timers() <= 4);
  if (!sanitized) // which keep freed memory for a while
    CHECK(resident_bytes() < before + (size_t{2} << 20));
}
