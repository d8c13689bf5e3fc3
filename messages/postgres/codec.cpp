#include "dbs/messages/postgres/codec.hpp"

#include "dbs/messages/postgres/type_oid.hpp"
#include "dbs/messages/utf8.hpp"

namespace dbs::internal {

std::optional<std::string_view> known_text(const pg_binary& from) {
  switch (from.type_oid) {
  case pg_oid::name:
  case pg_oid::text:
  case pg_oid::json:
  case pg_oid::character:
  case pg_oid::varchar:
    return from.bytes;
  case pg_oid::jsonb:
    // Its text, behind the version of the format (jsonb_send).
    if (from.bytes.starts_with('\x01'))
      return from.bytes.substr(1);
    return std::nullopt;
  default:
    return std::nullopt;
  }
}

std::optional<std::string_view> likely_text(const pg_binary& from) {
  if (from.type_oid < pg_oid::first_of_users && from.type_oid != pg_oid::single_char)
    return std::nullopt;
  for (size_t pos = 0; pos < from.bytes.size();) {
    auto c = decode_utf8(from.bytes, pos);
    if (c.length == 0 || c.code < ' ')
      return std::nullopt;
    pos += c.length;
  }
  return from.bytes;
}

} // namespace dbs::internal
