// What the actor layer costs: a loop actor and a front against bare CAF.
#include "figures/all.hpp"
#include "figures/echo.hpp"
#include "harness/closed_loop.hpp"

#include "dbs/runtime/caf/front.hpp"
#include "dbs/runtime/caf/program_config.hpp"

namespace dbs::bench {

namespace {

using namespace std::chrono_literals;

constexpr window how{1000ms, 500ms};

/// One actor system with an echo of either kind.
class echoes {
public:
  load_summary run(const echo_actor& to, int callers) {
    return closed_loop(system_, callers, how, [&to](int) { return echo_request{to}; });
  }

  const echo_actor& scheduled() const { return scheduled_.get(); }

  const echo_actor& on_loop() const { return on_loop_.get(); }

  const echo_actor& on_lent_loop() const { return on_lent_loop_.get(); }

  /// A front of its own before `what`.
  echo_actor front_of(const echo_actor& what) {
    auto result = front::make(system_, "bench");
    front::of(result).up(caf::actor_cast<caf::strong_actor_ptr>(what));
    return caf::actor_cast<echo_actor>(result);
  }

private:
  program_config config_;
  caf::actor_system system_{config_};
  event_loop loop_{system_, "bench"};
  event_loop lent_loop_{system_, "bench.lent", event_loop::drive::lent};
  owned_actor<echo_actor> scheduled_ = spawn_echo(system_);
  owned_actor<echo_actor> on_loop_ = spawn_echo_on(loop_);
  owned_actor<echo_actor> on_lent_loop_ = spawn_echo_on(lent_loop_);
};

class rate : public duel {
public:
  enum class target { loop, lent_loop, front };

  rate(target to, int callers)
      : ours_(to == target::loop        ? echoes_.on_loop()
              : to == target::lent_loop ? echoes_.on_lent_loop()
                                        : echoes_.front_of(echoes_.on_lent_loop())),
        callers_(callers) {}

protected:
  double ours() override { return echoes_.run(ours_, callers_).per_second; }
  double peer() override { return echoes_.run(echoes_.scheduled(), callers_).per_second; }

private:
  echoes echoes_;
  echo_actor ours_;
  int callers_;
};

/// Sees the difference between two sides that go one right after the other, because
/// a machine that drifts by a few per cent hides a front between their medians.
class front_cost : public contest {
public:
  reading round(bool peer_first) override {
    double with = 0;
    double without = 0;
    if (peer_first)
      without = ns(echoes_.scheduled());
    with = ns(front_);
    if (!peer_first)
      without = ns(echoes_.scheduled());
    return {with - without};
  }

private:
  double ns(const echo_actor& to) { return 1e9 / echoes_.run(to, 1).per_second; }

  echoes echoes_;
  echo_actor front_ = echoes_.front_of(echoes_.scheduled());
};

} // namespace

std::vector<figure> actor_figures() {
  auto bare = "bare CAF request";
  auto one_core = placement::one_core;
  using to = rate::target;
  return {
      {"loop_actor_request_1_outstanding", "op/s", one_core, bare, "", make<rate>(to::loop, 1)},
      {"loop_actor_request_64_outstanding", "op/s", one_core, bare, "", make<rate>(to::loop, 64)},
      {"lent_loop_request_1_outstanding", "op/s", one_core, bare, "", make<rate>(to::lent_loop, 1)},
      {"lent_loop_request_64_outstanding", "op/s", one_core, bare, "",
       make<rate>(to::lent_loop, 64)},
      {"front_loop_request_1_outstanding", "op/s", one_core, bare, "", make<rate>(to::front, 1)},
      {"front_loop_request_64_outstanding", "op/s", one_core, bare, "", make<rate>(to::front, 64)},
      {"front_request", "ns added", one_core, "", "<= 60", make<front_cost>(), 9},
  };
}

} // namespace dbs::bench
