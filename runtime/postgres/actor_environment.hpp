// The environment of PostgreSQL connections that belong to a loop actor.
#pragma once

#include "dbs/runtime/caf/actor_environment.hpp"
#include "dbs/runtime/postgres/connection_environment.hpp"

namespace dbs::postgres {

template <class Self>
class actor_environment final : public dbs::actor_environment<Self, connection_environment> {
public:
  using dbs::actor_environment<Self, connection_environment>::actor_environment;

  blocking_pool& cancels() override { return cancels_; }

private:
  blocking_pool cancels_{4, 256};
};

} // namespace dbs::postgres
