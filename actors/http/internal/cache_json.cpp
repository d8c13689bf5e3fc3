#include "dbs/actors/http/internal/cache_json.hpp"

#include "dbs/actors/http/internal/json_body.hpp"
#include "dbs/messages/base64.hpp"
#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/utf8.hpp"

#include <nlohmann/json.hpp>

#include <limits>

namespace dbs::internal {

namespace {

using nlohmann::json;

caf::error refused(const std::string& what) {
  return fail(errc::invalid_argument, what);
}

caf::error take_text(const json& body, const char* name, std::string& out) {
  auto found = body.find(name);
  if (found == body.end() || !found->is_string())
    return refused("'" + std::string{name} + "' must be a string");
  out = found->get<std::string>();
  return {};
}

caf::error take_texts(const json& body, const char* name, std::vector<std::string>& out) {
  auto problem = refused("'" + std::string{name} + "' must be an array of strings");
  auto& array = body[name];
  if (!array.is_array())
    return problem;
  for (auto& x : array) {
    if (!x.is_string())
      return problem;
    out.push_back(x.get<std::string>());
  }
  return {};
}

caf::error take_reach(const json& body, cache_reach& out) {
  auto found = body.find("reach");
  if (found == body.end())
    return {};
  if (!found->is_string() || !from_string(found->get<std::string>(), out))
    return refused("'reach' must be l1, l2 or l3");
  return {};
}

caf::error take_value(const json& body, blob& out) {
  if (body.contains("value") == body.contains("value_base64"))
    return refused("there must be either 'value' or 'value_base64'");
  std::string text;
  if (body.contains("value")) {
    if (auto problem = take_text(body, "value", text))
      return problem;
    out = blob{text};
    return {};
  }
  if (auto problem = take_text(body, "value_base64", text))
    return problem;
  auto bytes = from_base64(text);
  if (!bytes)
    return refused("'value_base64' must be Base64 with padding");
  out = blob{*bytes};
  return {};
}

caf::error take_ttl(const json& body, std::optional<caf::timespan>& out) {
  auto found = body.find("ttl_ms");
  if (found == body.end())
    return {};
  constexpr auto most = std::numeric_limits<int64_t>::max() / 1'000'000;
  if (!found->is_number_integer() || found->get<int64_t>() < 0 || found->get<int64_t>() > most)
    return refused("'ttl_ms' must be a number of milliseconds");
  out = std::chrono::milliseconds{found->get<int64_t>()};
  return {};
}

} // namespace

// -- requests ------------------------------------------------------------------------

caf::expected<timed<cache_get>> parse_cache_get(const http_fields& query) {
  timed<cache_get> result;
  auto has_key = false;
  for (auto& [name, value] : query) {
    if (name == "key") {
      has_key = true;
      result.what.key = value;
    } else if (name == "load" && (value == "true" || value == "false")) {
      result.what.load = value == "true";
    } else if (name == "timeout_ms") {
      // A number, or what JSON calls none.
      if (auto problem = take_timeout({{name, json::parse(value, nullptr, false)}}, result.timeout))
        return problem;
    } else {
      return refused(name == "load" ? "'load' must be true or false"
                                    : "unknown parameter '" + name + "'");
    }
  }
  if (!has_key)
    return refused("the parameter 'key' is missing");
  return result;
}

caf::expected<timed<cache_put>> parse_cache_put(const std::string& body) {
  auto object =
      parse_body(body, {"key", "value", "value_base64", "ttl_ms", "tags", "reach", "timeout_ms"});
  if (!object)
    return std::move(object.error());
  timed<cache_put> result;
  auto& what = result.what;
  auto problem = take_text(*object, "key", what.key);
  if (!problem)
    problem = take_value(*object, what.value);
  if (!problem)
    problem = take_ttl(*object, what.ttl);
  if (!problem && object->contains("tags"))
    problem = take_texts(*object, "tags", what.tags);
  if (!problem)
    problem = take_reach(*object, what.reach);
  if (!problem)
    problem = take_timeout(*object, result.timeout);
  if (problem)
    return problem;
  return result;
}

caf::expected<timed<cache_erase>> parse_cache_erase(const std::string& body) {
  auto object = parse_body(body, {"key", "reach", "timeout_ms"});
  if (!object)
    return std::move(object.error());
  timed<cache_erase> result;
  auto problem = take_text(*object, "key", result.what.key);
  if (!problem)
    problem = take_reach(*object, result.what.reach);
  if (!problem)
    problem = take_timeout(*object, result.timeout);
  if (problem)
    return problem;
  return result;
}

caf::expected<timed<cache_removal>> parse_cache_removal(const std::string& body) {
  auto object = parse_body(body, {"prefix", "tag", "keys", "timeout_ms"});
  if (!object)
    return std::move(object.error());
  auto by_prefix = object->contains("prefix");
  auto by_tag = object->contains("tag");
  auto by_keys = object->contains("keys");
  if (int{by_prefix} + int{by_tag} + int{by_keys} != 1)
    return refused("there must be one of 'prefix', 'tag' and 'keys'");
  timed<cache_removal> result;
  auto problem = take_timeout(*object, result.timeout);
  if (by_keys) {
    std::vector<std::string> keys;
    if (!problem)
      problem = take_texts(*object, "keys", keys);
    if (!problem && (keys.empty() || keys.size() > max_removed_keys))
      problem = refused("'keys' must have 1 to " + std::to_string(max_removed_keys) + " keys");
    result.what = std::move(keys);
  } else {
    cache_invalidate many{by_prefix ? cache_scope::prefix : cache_scope::tag, {}};
    if (!problem)
      problem = take_text(*object, by_prefix ? "prefix" : "tag", many.text);
    result.what = std::move(many);
  }
  if (problem)
    return problem;
  return result;
}

caf::expected<uint64_t> parse_l1_size(const std::string& body) {
  auto object = parse_body(body, {"entries"});
  if (!object)
    return std::move(object.error());
  auto found = object->find("entries");
  if (found == object->end() || !found->is_number_unsigned())
    return refused("'entries' must be a whole number");
  return found->get<uint64_t>();
}

caf::expected<caf::timespan> parse_l1_delay(const std::string& body) {
  auto object = parse_body(body, {"l1_delay_us"});
  if (!object)
    return std::move(object.error());
  auto found = object->find("l1_delay_us");
  if (found == object->end())
    return caf::timespan{0};
  constexpr auto most = std::chrono::duration_cast<std::chrono::microseconds>(max_l1_delay).count();
  if (!found->is_number_unsigned() || found->get<uint64_t>() > uint64_t{most})
    return refused("'l1_delay_us' must be a number from 0 to " + std::to_string(most));
  return caf::timespan{std::chrono::microseconds{found->get<int64_t>()}};
}

// -- answers -------------------------------------------------------------------------

json to_json(const cache_value& x) {
  json result{{"found", x.found}, {"source", to_string(x.source)}, {"stale", x.stale}};
  if (x.found && is_utf8(x.value.view()))
    result["value"] = x.value.view();
  else if (x.found)
    result["value_base64"] = to_base64(x.value.view());
  return result;
}

json l2_json(const cache_sizes& x) {
  json result{{"l2_connections", x.l2_connections},
              {"l2_connections_min", x.l2_connections_min},
              {"l2_connections_max", x.l2_connections_max},
              {"l2_response_p95_ms", nullptr}};
  if (x.l2_response_p95)
    result["l2_response_p95_ms"] =
        std::chrono::duration<double, std::milli>{*x.l2_response_p95}.count();
  return result;
}

} // namespace dbs::internal
