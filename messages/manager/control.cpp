#include "dbs/messages/manager/control.hpp"

#include "dbs/messages/enum_names.hpp"

namespace dbs {

namespace {

constexpr enum_names<health_status, 3> names{{"healthy", "degraded", "unhealthy"}};

} // namespace

std::string to_string(health_status x) {
  return names.name(x);
}

bool from_string(caf::string_view in, health_status& out) {
  return names.parse({in.data(), in.size()}, out);
}

bool from_integer(uint8_t in, health_status& out) {
  return names.from(in, out);
}

} // namespace dbs
