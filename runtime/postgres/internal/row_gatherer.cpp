#include "dbs/runtime/postgres/internal/row_gatherer.hpp"

#include "dbs/runtime/postgres/internal/pq_result.hpp"

#include <algorithm>
#include <utility>

namespace dbs::postgres::internal {

using dbs::internal::result_null_bit;

void row_gatherer::expect(pg_chunk_size chunks) {
  heap_.reserve(std::min(chunks.bytes, pg_chunk_size{}.bytes));
  ends_.reserve(std::min(chunks.rows, pg_chunk_size{}.rows));
}

void row_gatherer::add(pq_answer row) {
  auto columns = PQnfields(row.get());
  for (int i = 0; i < columns; ++i) {
    auto size = static_cast<size_t>(PQgetlength(row.get(), 0, i));
    auto null = size == 0 && PQgetisnull(row.get(), 0, i) != 0;
    heap_.append(PQgetvalue(row.get(), 0, i), size);
    ends_.push_back(static_cast<uint32_t>(heap_.size()) | (null ? result_null_bit : 0));
  }
  if (rows_++ == 0)
    first_ = std::move(row);
}

caf::expected<pg_result> row_gatherer::take() {
  return build(*first_, {}, 0);
}

caf::expected<pg_result> row_gatherer::take(PGresult& end) {
  return build(end, PQcmdStatus(&end), affected_rows(end));
}

void row_gatherer::clear() {
  first_.reset();
  rows_ = 0;
  ends_.clear();
  heap_.clear();
}

caf::expected<pg_result> row_gatherer::build(PGresult& header, std::string_view tag,
                                             uint64_t affected) {
  auto describe_column = [&header](size_t index) { return column_of(header, index); };
  auto result = pg_result::assemble(static_cast<size_t>(PQnfields(&header)), describe_column, ends_,
                                    heap_, tag, affected);
  clear();
  return result;
}

} // namespace dbs::postgres::internal
