#include "dbs/messages/cache/cache.hpp"

#include "dbs/messages/enum_names.hpp"

namespace dbs {

namespace {

constexpr enum_names<cache_source, 5> sources{{"none", "l1", "l2", "l3", "loader"}};
constexpr enum_names<cache_reach, 3> reaches{{"l1", "l2", "l3"}};
constexpr enum_names<cache_scope, 2> scopes{{"prefix", "tag"}};

} // namespace

std::string to_string(cache_source x) {
  return sources.name(x);
}

bool from_string(caf::string_view in, cache_source& out) {
  return sources.parse({in.data(), in.size()}, out);
}

bool from_integer(uint8_t in, cache_source& out) {
  return sources.from(in, out);
}

std::string to_string(cache_reach x) {
  return reaches.name(x);
}

bool from_string(caf::string_view in, cache_reach& out) {
  return reaches.parse({in.data(), in.size()}, out);
}

bool from_integer(uint8_t in, cache_reach& out) {
  return reaches.from(in, out);
}

std::string to_string(cache_scope x) {
  return scopes.name(x);
}

bool from_string(caf::string_view in, cache_scope& out) {
  return scopes.parse({in.data(), in.size()}, out);
}

bool from_integer(uint8_t in, cache_scope& out) {
  return scopes.from(in, out);
}

} // namespace dbs
