#include "dbs/messages/call_context.hpp"

#include "dbs/messages/enum_names.hpp"

namespace dbs {

namespace {

constexpr enum_names<caller_class, 3> names{{"interactive", "batch", "admin"}};

} // namespace

std::string to_string(caller_class x) {
  return names.name(x);
}

bool from_string(caf::string_view in, caller_class& out) {
  return names.parse({in.data(), in.size()}, out);
}

bool from_integer(uint8_t in, caller_class& out) {
  return names.from(in, out);
}

} // namespace dbs
