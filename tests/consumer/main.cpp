// A host program that knows DatabaseServices from its installation only: message
// types and actors of its own, CAF's default scheduler, an actor on an event loop of
// ours, and two services on real servers. Ends with 0 if everything answers.
#include <dbs/actors/services.hpp>
#include <dbs/messages/error_detail.hpp>
#include <dbs/messages/init.hpp>
#include <dbs/runtime/caf/loop_actor.hpp>
#include <dbs/testing/fixture/actor_fixture.hpp>
#include <dbs/testing/servers/private_postgres.hpp>
#include <dbs/testing/servers/private_redis.hpp>

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
  return answer && answer->text == "hello";
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

/// The host's own actor as a caller of the services.
caf::behavior asking(caf::event_based_actor* self, dbs::database_client db) {
  return {[self, db](const greeting& x) {
    auto promise = self->make_response_promise<greeting>();
    db.execute(self, "select upper($1)", x.text)
        .then(
            [promise](const dbs::pg_result& rows) mutable {
              promise.deliver(greeting{std::string{rows.row(0).text(0)}});
            },
            [promise](const caf::error& reason) mutable { promise.deliver(reason); });
    return promise;
  }};
}

caf::expected<dbs::database_services> make_services(caf::actor_system& system,
                                                    const dbs::testing::private_postgres& postgres,
                                                    const dbs::testing::private_redis& redis) {
  dbs::config_sources sources;
  sources.flags = {{"database.url", postgres.url()}, {"redis.url", redis.url()}};
  auto configuration = dbs::load_settings(sources);
  if (!configuration)
    return std::move(configuration.error());
  return dbs::create_database_services(system, {std::move(*configuration)});
}

/// Two services in one system, which do not meet: one goes, the other serves on.
bool two_services_serve() {
  dbs::testing::private_postgres postgres;
  dbs::testing::private_redis redis;
  caf::actor_system_config config;
  caf::actor_system system{config};
  auto one = make_services(system, postgres, redis);
  auto two = make_services(system, postgres, redis);
  for (auto* services : {&one, &two}) {
    auto problem = *services ? (*services)->initialize(std::chrono::seconds{30})
                             : caf::error{services->error()};
    if (problem) {
      std::fprintf(stderr, "the services did not start: %s\n", dbs::describe(problem).c_str());
      return false;
    }
  }
  auto ok = answers(system, system.spawn(asking, one->database()), "HELLO");
  one->shutdown();
  return ok && answers(system, system.spawn(asking, two->database()), "HELLO");
}

} // namespace host

int main() {
  dbs::init();
  caf::init_global_meta_objects<caf::id_block::host>();
  auto ok =
      host::answers_in_a_system() && host::answers_in_a_fixture() && host::two_services_serve();
  return ok ? 0 : 1;
}
