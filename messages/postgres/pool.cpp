#include "dbs/messages/postgres/pool.hpp"

#include "dbs/messages/enum_names.hpp"

namespace dbs {

namespace {

constexpr enum_names<pg_isolation, 4> isolation_names{
    {"server_default", "read_committed", "repeatable_read", "serializable"}};

constexpr enum_names<pg_savepoint_action, 3> savepoint_names{{"set", "rollback_to", "release"}};

constexpr enum_names<pg_transfer_action, 7> transfer_names{
    {"stream", "copy_out", "copy_in", "next", "write", "finish", "stop"}};

} // namespace

std::string to_string(pg_isolation x) {
  return isolation_names.name(x);
}

bool from_string(caf::string_view in, pg_isolation& out) {
  return isolation_names.parse({in.data(), in.size()}, out);
}

bool from_integer(uint8_t in, pg_isolation& out) {
  return isolation_names.from(in, out);
}

std::string to_string(pg_savepoint_action x) {
  return savepoint_names.name(x);
}

bool from_string(caf::string_view in, pg_savepoint_action& out) {
  return savepoint_names.parse({in.data(), in.size()}, out);
}

bool from_integer(uint8_t in, pg_savepoint_action& out) {
  return savepoint_names.from(in, out);
}

std::string to_string(pg_transfer_action x) {
  return transfer_names.name(x);
}

bool from_string(caf::string_view in, pg_transfer_action& out) {
  return transfer_names.parse({in.data(), in.size()}, out);
}

bool from_integer(uint8_t in, pg_transfer_action& out) {
  return transfer_names.from(in, out);
}

} // namespace dbs
