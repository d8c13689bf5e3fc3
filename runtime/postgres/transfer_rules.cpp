#include "dbs/runtime/postgres/transfer_rules.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/postgres/statement_class.hpp"

#include <cstdint>
#include <string>

namespace dbs::postgres {

namespace {

caf::error check_chunks(const pg_chunk_size& chunks) {
  if (chunks.rows == 0 || chunks.bytes == 0)
    return fail(errc::invalid_argument, "a chunk must have room for something",
                {{"rows", int64_t{chunks.rows}}, {"bytes", int64_t{chunks.bytes}}});
  if (chunks.bytes > pg_chunk_size::max_bytes)
    return fail(errc::payload_too_large,
                "chunks of " + std::to_string(chunks.bytes) + " bytes are too large",
                {{"limit", int64_t{pg_chunk_size::max_bytes}}});
  return {};
}

} // namespace

caf::error check_transfer(const pg_transfer& what) {
  auto& sql = what.statement.sql;
  if (what.statement.binary && what.action != pg_transfer_action::stream)
    return fail(errc::invalid_argument,
                to_string(what.action) + ": only a stream has rows that could be binary; COPY has "
                                         "its format in its text");
  switch (what.action) {
  case pg_transfer_action::stream:
    if (controls_transaction(sql))
      return fail(errc::invalid_argument, "stream: the statement controls the transaction");
    return check_chunks(what.chunks);
  case pg_transfer_action::copy_out:
    if (!copies_out(sql))
      return fail(errc::invalid_argument, "copy_out: the statement is no COPY ... TO STDOUT");
    return check_chunks(what.chunks);
  case pg_transfer_action::copy_in:
    if (!copies_in(sql))
      return fail(errc::invalid_argument, "copy_in: the statement is no COPY ... FROM STDIN");
    return {};
  case pg_transfer_action::write:
    if (what.data.size() > pg_transfer::max_write)
      return fail(errc::payload_too_large,
                  "a write of " + std::to_string(what.data.size()) + " bytes is too large",
                  {{"limit", static_cast<int64_t>(pg_transfer::max_write)}});
    return {};
  default:
    return {};
  }
}

bool starts(pg_transfer_action step) noexcept {
  return step == pg_transfer_action::stream || step == pg_transfer_action::copy_out ||
         step == pg_transfer_action::copy_in;
}

bool fits(pg_transfer_action step, pg_transfer_action started) noexcept {
  switch (step) {
  case pg_transfer_action::next:
    return started != pg_transfer_action::copy_in;
  case pg_transfer_action::write:
  case pg_transfer_action::finish:
    return started == pg_transfer_action::copy_in;
  default:
    return false;
  }
}

} // namespace dbs::postgres
