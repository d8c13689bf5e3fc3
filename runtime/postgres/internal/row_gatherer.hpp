// Makes results out of rows that libpq delivers one by one.
#pragma once

#include "dbs/messages/postgres/pool.hpp"
#include "dbs/messages/postgres/result.hpp"
#include "dbs/runtime/postgres/internal/pq_handles.hpp"

#include <caf/expected.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dbs::postgres::internal {

/// The bytes of the cells lie back to back, so that a row costs no allocation of ours.
class row_gatherer {
public:
  /// Rows are about to come, in chunks of that size. Memory that grew between rows would
  /// leave holes, and the allocator merges and splits these for every row of libpq's.
  void expect(pg_chunk_size chunks);

  /// @param row has status PGRES_SINGLE_TUPLE.
  void add(pq_answer row);

  size_t rows() const noexcept { return rows_; }

  /// Of the cells.
  size_t bytes() const noexcept { return heap_.size(); }

  /// The rows so far, at least one; what follows begins anew. Error:
  /// `payload_too_large`.
  caf::expected<pg_result> take();

  /// The same for the rest, with the command tag of the answer that ends the rows.
  caf::expected<pg_result> take(PGresult& end);

  void clear();

private:
  caf::expected<pg_result> build(PGresult& header, std::string_view tag, uint64_t affected);

  /// Describes the columns.
  pq_answer first_;
  size_t rows_ = 0;
  /// See `pg_result::assemble`.
  std::vector<uint32_t> ends_;
  std::string heap_;
};

} // namespace dbs::postgres::internal
