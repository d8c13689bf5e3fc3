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

const call_context* context_of(const caf::message& request) {
  if (request.size() < 2 || !request.match_element<call_context>(1))
    return nullptr;
  return &request.get_as<call_context>(1);
}

} // namespace dbs
