// The cache's requests and answers as JSON.
//
// A value is the member "value" where its bytes are UTF-8, and "value_base64" otherwise.
#pragma once

#include "dbs/messages/cache/cache.hpp"
#include "dbs/runtime/http/message.hpp"

#include <caf/expected.hpp>
#include <caf/timespan.hpp>

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <string>
#include <variant>
#include <vector>

namespace dbs::internal {

/// What is asked, and how long it may take ("timeout_ms").
template <class What>
struct timed {
  What what = {};
  caf::timespan timeout = std::chrono::seconds{10};
};

/// Keys, or what a prefix or a tag means.
using cache_removal = std::variant<std::vector<std::string>, cache_invalidate>;

/// Keys of one removal.
inline constexpr size_t max_removed_keys = 1000;

/// The longest that the measurement of L1 may be held up by.
inline constexpr caf::timespan max_l1_delay = std::chrono::seconds{1};

// The error of these is `invalid_argument`, which says what is wrong; whether a key, a tag or
// a size is good the cache itself knows.

/// ?key=product:42&load=true&timeout_ms=10000
caf::expected<timed<cache_get>> parse_cache_get(const http_fields& query);

/// {"key": "product:42", "value": "lamp", "ttl_ms": 60000, "tags": ["shop"], "reach": "l2"}
caf::expected<timed<cache_put>> parse_cache_put(const std::string& body);

/// {"key": "product:42", "reach": "l2"}
caf::expected<timed<cache_erase>> parse_cache_erase(const std::string& body);

/// {"prefix": "product:"}, {"tag": "shop"}, or {"keys": ["product:42"]}
caf::expected<timed<cache_removal>> parse_cache_removal(const std::string& body);

/// {"entries": 2000}
caf::expected<uint64_t> parse_l1_size(const std::string& body);

/// {"l1_delay_us": 5000}; without it nothing is held up.
caf::expected<caf::timespan> parse_l1_delay(const std::string& body);

nlohmann::json to_json(const cache_value& x);

/// What is known of the connections to Redis.
nlohmann::json l2_json(const cache_sizes& x);

} // namespace dbs::internal
