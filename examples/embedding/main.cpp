#include "dbs/actors/services.hpp"
#include "dbs/messages/init.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

#include <iostream>

using namespace std::chrono_literals;

namespace {

int show(dbs::pg_row row) {
  std::cout << row.text(0) << "\n";
  return 0;
}

int complain(const caf::error& why) {
  std::cerr << dbs::describe(why) << "\n";
  return 1;
}

} // namespace

int main() {
  dbs::init(); // once, before the actor system
  caf::actor_system_config config;
  caf::actor_system system{config};
  auto services = dbs::get_database_services(system, "async_modern");
  if (!services)
    return complain(services.error());
  auto db = services->database().within(5s);
  auto rows = db.sync(system).execute("select $1::int * 2", 21); // blocks; in actors, see below
  return rows ? show(rows->row(0)) : complain(rows.error());
}
