// What a connection to PostgreSQL needs of the loop that it lives on.
#pragma once

#include "dbs/runtime/io/blocking_pool.hpp"
#include "dbs/runtime/io/loop_environment.hpp"

namespace dbs::postgres {

class connection_environment : public loop_environment {
public:
  /// Where cancel requests run. They hang while the server is paused.
  virtual blocking_pool& cancels() = 0;
};

} // namespace dbs::postgres
