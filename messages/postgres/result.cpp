#include "dbs/messages/postgres/result.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/postgres/type_oid.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace dbs {

namespace {

struct type_name {
  uint32_t oid;
  std::string_view name;
};

/// The types that people meet most, sorted by oid.
constexpr std::array<type_name, 42> type_names{{
    {pg_oid::boolean, "boolean"},
    {pg_oid::bytea, "bytea"},
    {pg_oid::single_char, "\"char\""},
    {pg_oid::name, "name"},
    {pg_oid::bigint, "bigint"},
    {pg_oid::smallint, "smallint"},
    {pg_oid::integer, "integer"},
    {pg_oid::text, "text"},
    {pg_oid::oid, "oid"},
    {pg_oid::json, "json"},
    {pg_oid::json_array, "json[]"},
    {pg_oid::real, "real"},
    {pg_oid::double_precision, "double precision"},
    {pg_oid::boolean_array, "boolean[]"},
    {pg_oid::bytea_array, "bytea[]"},
    {pg_oid::single_char_array, "\"char\"[]"},
    {pg_oid::name_array, "name[]"},
    {pg_oid::smallint_array, "smallint[]"},
    {pg_oid::integer_array, "integer[]"},
    {pg_oid::text_array, "text[]"},
    {pg_oid::character_array, "character[]"},
    {pg_oid::varchar_array, "character varying[]"},
    {pg_oid::bigint_array, "bigint[]"},
    {pg_oid::real_array, "real[]"},
    {pg_oid::double_precision_array, "double precision[]"},
    {pg_oid::oid_array, "oid[]"},
    {pg_oid::character, "character"},
    {pg_oid::varchar, "character varying"},
    {pg_oid::date, "date"},
    {pg_oid::time, "time"},
    {pg_oid::timestamp, "timestamp"},
    {pg_oid::timestamp_array, "timestamp[]"},
    {pg_oid::timestamptz, "timestamptz"},
    {pg_oid::timestamptz_array, "timestamptz[]"},
    {pg_oid::interval, "interval"},
    {pg_oid::interval_array, "interval[]"},
    {pg_oid::numeric_array, "numeric[]"},
    {pg_oid::numeric, "numeric"},
    {pg_oid::uuid, "uuid"},
    {pg_oid::uuid_array, "uuid[]"},
    {pg_oid::jsonb, "jsonb"},
    {pg_oid::jsonb_array, "jsonb[]"},
}};

std::string name_of_type(uint32_t oid) {
  auto i = std::lower_bound(type_names.begin(), type_names.end(), oid,
                            [](const type_name& x, uint32_t y) { return x.oid < y; });
  if (i != type_names.end() && i->oid == oid)
    return std::string{i->name};
  return "type " + std::to_string(oid);
}

} // namespace

caf::expected<pg_result> pg_result::from_bytes(blob bytes) {
  if (auto* problem = internal::check_result(bytes.view()))
    return fail(errc::protocol_error, std::string{"broken result set: "} + problem);
  pg_result result;
  result.bytes_ = std::move(bytes);
  return result;
}

namespace internal {

const char* check_result(std::string_view bytes) noexcept {
  if (bytes.empty())
    return nullptr;
  if (bytes.size() < result_header_size)
    return "the header is cut off";
  if (bytes.substr(0, sizeof(result_magic)) != std::string_view{result_magic, sizeof(result_magic)})
    return "unknown format or version";
  if (load_u32(bytes.data() + 4) != bytes.size() || bytes.size() > pg_result::max_size)
    return "the size does not match";
  if (load_u32(bytes.data() + 28) != 0)
    return "a reserved field is not zero";
  result_view view{bytes};
  if (view.columns() > pg_result::max_columns)
    return "too many columns";
  if (view.columns() == 0 && view.rows() != 0)
    return "rows without columns";
  auto tables = view.columns() * (uint64_t{result_column_size} + uint64_t{4} * view.rows());
  if (tables > bytes.size() - result_header_size)
    return "the tables are cut off";
  auto heap_size = bytes.size() - result_header_size - tables;
  uint64_t position = view.tag_size();
  for (size_t i = 0; i < view.columns(); ++i) {
    auto end = view.name_end(i);
    if (end < position)
      return "a column's name has a negative size";
    if (view.format(i) > 1 || (load_u32(view.column_entry(i) + 8) >> 8) != 0)
      return "a column has an unknown format";
    position = end;
  }
  auto cells = view.rows() * view.columns();
  for (size_t i = 0; i < cells; ++i) {
    auto end = view.cell_end(i);
    if (end < position)
      return "a cell has a negative size";
    if (end != position && view.is_null(i))
      return "a null has contents";
    position = end;
  }
  // Ends only grow, so the last one bounds them all.
  return position == heap_size ? nullptr : "the contents do not end where the blob ends";
}

caf::error result_too_large(size_t limit) {
  return fail(errc::payload_too_large, "the result set is too large",
              {{"limit_bytes", static_cast<int64_t>(limit)}});
}

caf::error no_such_column(const result_view& view, size_t column) {
  return fail(errc::invalid_argument,
              "there is no column " + std::to_string(column) + ": the result has " +
                  std::to_string(view.columns()),
              {{"column", static_cast<int64_t>(column)}});
}

caf::error no_such_column(std::string_view column) {
  std::string name{column};
  return fail(errc::invalid_argument, "there is no column \"" + name + '"', {{"column", name}});
}

caf::error conversion_error(const result_view& view, size_t column, const char* problem) {
  std::string name{view.name(column)};
  auto type = name_of_type(view.type_oid(column));
  return fail(errc::invalid_argument, "column \"" + name + "\" (" + type + ") " + problem,
              {{"column", name}, {"type", type}});
}

} // namespace internal

} // namespace dbs
