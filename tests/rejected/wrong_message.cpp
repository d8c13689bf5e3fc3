// Compiles as it is, and must not with -DWRONG_MESSAGE: the handle of a service takes
// nothing but what its interface lists.
#include "dbs/messages/postgres/pool.hpp"

#include <caf/event_based_actor.hpp>

void ask(caf::event_based_actor* self, const dbs::postgres_pool_actor& pool) {
  using namespace dbs;
#ifdef WRONG_MESSAGE
  self->request(pool, caf::infinite, execute_atom_v, call_context{}, std::string{"select 1"});
#else
  self->request(pool, caf::infinite, execute_atom_v, call_context{}, pg_statement{});
#endif
}
