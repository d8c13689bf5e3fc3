#include "dbs/messages/postgres/listener.hpp"

#include "dbs/messages/enum_names.hpp"

namespace dbs {

namespace {

constexpr enum_names<pg_event_kind, 2> names{{"notification", "gap"}};

} // namespace

std::string to_string(pg_event_kind x) {
  return names.name(x);
}

bool from_string(caf::string_view in, pg_event_kind& out) {
  return names.parse({in.data(), in.size()}, out);
}

bool from_integer(uint8_t in, pg_event_kind& out) {
  return names.from(in, out);
}

} // namespace dbs
