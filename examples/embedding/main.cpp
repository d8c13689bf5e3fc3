#include "dbs/actors/services.hpp"
#include "dbs/messages/init.hpp"

#include <caf/all.hpp>

#include <iostream>

using namespace std::chrono_literals;

int main() {
  dbs::init(); // once, before the actor system
  caf::actor_system_config config;
  caf::actor_system system{config};
  auto services = dbs::get_database_services(system, "async_modern");
  if (!services) {
    std::cerr << dbs::describe(services.error()) << "\n";
    return 1;
  }
  auto exit_code = 1;
  auto asker = system.spawn([&](caf::event_based_actor* self) {
    auto db = services->database().within(5s);
    db.execute(self, "select $1::int * 2 as answer", 21)
        .then(
            [&](const dbs::pg_result& rows) {
              std::cout << *rows.row(0).get<int32_t>("answer") << "\n";
              exit_code = 0;
            },
            [](const caf::error& why) { std::cerr << dbs::describe(why) << "\n"; });
  });
  caf::scoped_actor self{system};
  self->wait_for(asker);
  return exit_code;
}
