#include "dbs/actors/http/internal/json_body.hpp"

#include "dbs/messages/error_detail.hpp"

#include <algorithm>
#include <chrono>

namespace dbs::internal {

namespace {

constexpr int64_t max_timeout_ms = 24 * 3600 * 1000;

} // namespace

caf::expected<nlohmann::json> parse_body(const std::string& body,
                                         std::initializer_list<const char*> known) {
  auto result = nlohmann::json::parse(body, nullptr, false);
  if (!result.is_object())
    return fail(errc::invalid_argument, "the body must be a JSON object");
  for (auto& [key, value] : result.items())
    if (std::find(known.begin(), known.end(), key) == known.end())
      return fail(errc::invalid_argument, "unknown member '" + key + "'");
  return result;
}

caf::error take_pool(const nlohmann::json& body, std::string& out) {
  auto pool = body.find("pool");
  if (pool == body.end())
    return {};
  if (!pool->is_string())
    return fail(errc::invalid_argument, "'pool' must be a string");
  out = pool->get<std::string>();
  return {};
}

caf::error take_timeout(const nlohmann::json& body, caf::timespan& out) {
  auto timeout = body.find("timeout_ms");
  if (timeout == body.end())
    return {};
  if (!timeout->is_number_integer() || timeout->get<int64_t>() < 1 ||
      timeout->get<int64_t>() > max_timeout_ms)
    return fail(errc::invalid_argument,
                "'timeout_ms' must be a number from 1 to " + std::to_string(max_timeout_ms));
  out = std::chrono::milliseconds{timeout->get<int64_t>()};
  return {};
}

} // namespace dbs::internal
