// What the actor layer costs: a loop actor and a front against bare CAF.
#include "harness/closed_loop.hpp"
#include "harness/figure.hpp"

#include "dbs/messages/manager/control.hpp"
#include "dbs/runtime/caf/front.hpp"
#include "dbs/runtime/caf/loop_actor.hpp"

#include <caf/actor_system_config.hpp>
#include <caf/stateful_actor.hpp>

namespace dbs::bench {

namespace {

using namespace std::chrono_literals;

using echo_actor = caf::typed_actor<caf::result<int32_t>(caf::get_atom, call_context, int32_t)>;

/// The same empty actor on CAF's scheduler and on a loop.
template <class Self>
struct echo {
  using actor_type = echo_actor;
  static inline const char* name = "dbs.bench.echo";
  explicit echo(Self*) {}
  echo_actor::behavior_type make_behavior() {
    return {[](caf::get_atom, const call_context&, int32_t x) { return x; }};
  }
};

struct bare_echo : echo<echo_actor::impl> {
  using echo::echo;
};

struct loop_echo : echo<loop_actor<echo_actor>> {
  using echo::echo;
};

/// One actor system with every kind of echo.
class echoes : public contest {
public:
  echoes()
      : system_(configure(config_)), loop_(system_, "bench"),
        bare_(system_.spawn<caf::stateful_actor<bare_echo, echo_actor::impl>>()),
        on_loop_(spawn_on<loop_echo>(loop_)), front_(front::make(system_, "bench")) {
    front::of(front_).up(caf::actor_cast<caf::strong_actor_ptr>(bare_));
  }

  ~echoes() override {
    front::of(front_).close();
    caf::anon_send_exit(on_loop_, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(bare_, caf::exit_reason::user_shutdown);
    on_loop_ = nullptr;
    bare_ = nullptr;
    system_.await_all_actors_done();
    loop_.stop();
  }

protected:
  run_figures_t run(const echo_actor& to, int callers) {
    return closed_loop(
        system_, callers, 500ms, [to](caf::event_based_actor* self, std::function<void()> done) {
          self->request(to, caf::infinite, caf::get_atom_v, call_context{}, int32_t{1})
              .then([done](int32_t) { done(); });
        });
  }

  static caf::actor_system_config& configure(caf::actor_system_config& config) {
    config.set("caf.scheduler.policy", "sharing");
    config.set("caf.scheduler.max-threads", 1u);
    return config;
  }

  caf::actor_system_config config_;
  caf::actor_system system_;
  event_loop loop_;
  echo_actor bare_;
  echo_actor on_loop_;
  caf::strong_actor_ptr front_;
};

class loop_rate : public echoes {
public:
  explicit loop_rate(int callers) : callers_(callers) {}
  double ours() override { return run(on_loop_, callers_).per_second; }
  double peer() override { return run(bare_, callers_).per_second; }

private:
  int callers_;
};

class front_cost : public echoes {
public:
  double ours() override { return time(caf::actor_cast<echo_actor>(front_)); }
  double peer() override { return time(bare_); }

private:
  double time(const echo_actor& to) { return 1e9 / run(to, 1).per_second; }
};

} // namespace

std::vector<figure> actor_figures() {
  auto bare = "bare CAF request";
  return {
      {"loop_actor_request_1_outstanding", "op/s", placement::one_core, bare, "",
       [] { return std::make_unique<loop_rate>(1); }},
      {"loop_actor_request_64_outstanding", "op/s", placement::one_core, bare, "",
       [] { return std::make_unique<loop_rate>(64); }},
      {"front_request", "ns", placement::one_core, bare, "adds <= 60",
       [] { return std::make_unique<front_cost>(); }, 9},
  };
}

} // namespace dbs::bench
