// Statements of several callers behind one another.
#include "dbs/runtime/postgres/internal/session.hpp"

#include <algorithm>
#include <utility>

namespace dbs::postgres::internal {

void session::share(const pg_statement& statement) {
  ++owed_;
  if (conn_ == nullptr || farewell_)
    return; // the end is under way and answers it in its turn
  auto* conn = conn_.get();
  own_command_ = false;
  batch_ = false;
  auto ok = PQpipelineStatus(conn) != PQ_PIPELINE_OFF || open_pipeline();
  std::string name;
  if (auto* entry = statement.prepare ? cache_.find(statement.sql) : nullptr) {
    name = entry->name;
  } else if (may_prepare(statement) && !being_prepared(statement.sql)) {
    ok = ok && add_discards() && add_prepare(statement, 0);
    if (ok)
      name = preparing_.back().name;
  }
  ok = ok && add_execute(statement, 0, std::move(name)) && add_sync();
  // What libpq has was sent, whether the socket has taken it or not.
  sent_ = owed_;
  sent(ok);
}

bool session::being_prepared(std::string_view sql) const {
  return std::any_of(preparing_.begin(), preparing_.end(),
                     [sql](const auto& x) { return x.sql == sql; });
}

} // namespace dbs::postgres::internal
