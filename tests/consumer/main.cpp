// A host program that knows DatabaseServices from its installation only: message
// types and actors of its own, CAF's default scheduler, and an actor on an event
// loop of ours. Ends with 0 if everything answers.
#include <dbs/messages/init.hpp>
#include <dbs/runtime/caf/loop_actor.hpp>
#include <dbs/testing/fixture/actor_fixture.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/init_global_meta_objects.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>

#include <chrono>
#include <cstdio>
#include <string>

namespace host {
struct greeting;
}

// The ids that DatabaseServices leaves to its hosts.
CAF_BEGIN_TYPE_ID_BLOCK(host, caf::first_custom_type_id)
CAF_ADD_TYPE_ID(host, (host::greeting))
CAF_END_TYPE_ID_BLOCK(host)

namespace host {

struct greeting {
  std::string text;
};

template <class Inspector>
bool inspect(Inspector& f, greeting& x) {
  return f.object(x).fields(f.field("text", x.text));
}

caf::behavior polite(caf::event_based_actor*) {
  return {[](const greeting& x) { return greeting{x.text + " to you, too"}; }};
}

using echo_actor = caf::typed_actor<caf::result<greeting>(greeting)>;

struct echo_state {
  using actor_type = echo_actor;
  static inline const char* name = "host.echo";

  explicit echo_state(dbs::loop_actor<echo_actor>* self) : self(self) {}

  echo_actor::behavior_type make_behavior() {
    return {[this](const greeting& x) {
      return greeting{self->loop().running_in_this_thread() ? x.text : "not on the loop"};
    }};
  }

  dbs::loop_actor<echo_actor>* self;
};

/// True if `receiver` answers "hello" with `expected` within ten seconds.
template <class Handle>
bool answers(caf::actor_system& system, const Handle& receiver, const std::string& expected) {
  auto ok = false;
  caf::scoped_actor self{system};
  self->request(receiver, std::chrono::seconds(10), greeting{"hello"})
      .receive(
          [&](const greeting& x) {
            ok = x.text == expected;
            if (!ok)
              std::fprintf(stderr, "expected '%s', got '%s'\n", expected.c_str(), x.text.c_str());
          },
          [](const caf::error& reason) {
            std::fprintf(stderr, "no answer: %s\n", caf::to_string(reason).c_str());
          });
  return ok;
}

/// What a host's own tests do: the same actor on virtual time.
bool answers_in_a_fixture() {
  dbs::testing::actor_fixture fix;
  auto echo = fix.spawn_on_loop<echo_state>();
  auto answer = fix.ask<greeting>(echo, greeting{"hello"});
  return answer && !answer->text.empty();
}

bool answers_in_a_system() {
  caf::actor_system_config config;
  caf::actor_system system{config};
  dbs::event_loop loop{system, "host"};
  auto echo = dbs::spawn_on<echo_state>(loop);
  auto ok =
      answers(system, system.spawn(polite), "hello to you, too") && answers(system, echo, "hello");
  caf::anon_send_exit(echo, caf::exit_reason::user_shutdown);
  {
    caf::scoped_actor self{system};
    self->wait_for(echo);
  }
  loop.stop();
  return ok;
}

} // namespace host

int main() {
  dbs::init();
  caf::init_global_meta_objects<caf::id_block::host>();
  return host::answers_in_a_system() && host::answers_in_a_fixture() ? 0 : 1;
}
