#include "dbs/actors/services.hpp"
#include "dbs/messages/init.hpp"

#include <caf/all.hpp>

#include <iostream>

int main() {
  dbs::init(); // once, before the actor system
  caf::actor_system_config config;
  caf::actor_system system{config};
  auto services = dbs::get_database_services(system, "async_modern");
  if (!services) {
    std::cerr << dbs::describe(services.error()) << "\n";
    return 1;
  }
  system.spawn([db = services->database()](caf::event_based_actor* self) {
    db.within(std::chrono::seconds{2})
        .execute(self, "select version(), $1::int * 2 as answer", 21)
        .then(
            [](const dbs::pg_result& rows) {
              std::cout << rows.row(0).text(0) << "\n"
                        << *rows.row(0).get<int32_t>("answer") << "\n";
            },
            [](const caf::error& reason) { std::cerr << dbs::describe(reason) << "\n"; });
  });
}
