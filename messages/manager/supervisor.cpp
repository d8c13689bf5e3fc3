#include "dbs/messages/manager/supervisor.hpp"

#include "dbs/messages/enum_names.hpp"

namespace dbs {

namespace {

constexpr enum_names<child_state, 7> names{
    {"waiting", "starting", "not_ready", "up", "backoff", "draining", "stopped"}};

} // namespace

std::string to_string(child_state x) {
  return names.name(x);
}

bool from_string(caf::string_view in, child_state& out) {
  return names.parse({in.data(), in.size()}, out);
}

bool from_integer(uint8_t in, child_state& out) {
  return names.from(in, out);
}

} // namespace dbs
