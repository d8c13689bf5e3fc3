#include "dbs/runtime/postgres/batch_rules.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/postgres/statement_class.hpp"

#include <string>

namespace dbs::postgres {

caf::error check_batch(const pg_batch& what) {
  auto& statements = what.statements;
  if (statements.size() > pg_batch::max_statements)
    return fail(errc::payload_too_large,
                "a batch of " + std::to_string(statements.size()) + " statements is too large",
                {{"limit", static_cast<int64_t>(pg_batch::max_statements)}});
  size_t bytes = 0;
  for (size_t i = 0; i < statements.size(); ++i) {
    bytes += statements[i].sql.size() + statements[i].params.bytes();
    if (controls_transaction(statements[i].sql))
      return fail(errc::invalid_argument,
                  "statement " + std::to_string(i) + " of the batch controls the transaction",
                  {statement_field(i)});
  }
  if (bytes > pg_batch::max_bytes)
    return fail(errc::payload_too_large,
                "a batch of " + std::to_string(bytes) + " bytes is too large",
                {{"limit", static_cast<int64_t>(pg_batch::max_bytes)}});
  return {};
}

caf::error check_own_transaction(std::span<const pg_statement> statements) {
  for (size_t i = 0; i < statements.size(); ++i)
    if (runs_procedure(statements[i].sql))
      return fail(errc::invalid_argument,
                  "statement " + std::to_string(i) +
                      " of the batch is a DO or CALL, which may commit inside: begin a "
                      "transaction before the batch",
                  {statement_field(i)});
  return {};
}

field statement_field(size_t index) {
  return {"statement", static_cast<int64_t>(index)};
}

} // namespace dbs::postgres
