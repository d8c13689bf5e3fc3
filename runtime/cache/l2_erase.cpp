// Erasing by prefix: Redis is searched page by page, and what is found is erased by script.
#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/cache/envelope.hpp"
#include "dbs/runtime/cache/l2_core.hpp"

#include <algorithm>

namespace dbs::cache {

namespace {

/// Keys that Redis looks at for one page.
constexpr int page_size = 1000;

/// Keys of one call of the script, during which Redis does nothing else.
constexpr size_t keys_a_call = 100;

/// For MATCH, whose special characters the text may contain.
std::string escaped(std::string_view text) {
  std::string result;
  for (auto c : text) {
    if (std::string_view{"*?[]\\^-"}.find(c) != std::string_view::npos)
      result += '\\';
    result += c;
  }
  return result;
}

} // namespace

void l2_core::erase_prefix(std::string_view prefix, const version& vers, time_point deadline,
                           level_sink& to, level_token token) {
  auto index = open(call_kind::erase_prefix, deadline, to, token);
  auto& x = calls_[index];
  x.pattern = escaped(key_of(key_prefix_, prefix)) + '*';
  x.cursor = "0";
  stored_value tombstone;
  tombstone.kind = stored_kind::tombstone;
  tombstone.vers = vers;
  x.tombstone = encode_envelope(tombstone);
  scan(index);
}

void l2_core::scan(size_t index) {
  auto& x = calls_[index];
  run(index, make_redis_command("SCAN", x.cursor, "MATCH", x.pattern, "COUNT", page_size));
}

void l2_core::on_scanned(size_t index, const redis_reply& reply) {
  auto& x = calls_[index];
  if (x.to == nullptr) {
    close(index);
    return;
  }
  auto cursor = reply.at(0).get<std::string>();
  if (!cursor)
    return failed(index, fail(errc::protocol_error, "redis has answered SCAN without a cursor"));
  x.cursor = std::move(*cursor);
  std::vector<std::string_view> keys;
  for (auto key : reply.at(1))
    keys.push_back(key.text());
  if (keys.empty())
    return next_page(index);
  std::vector<redis_command> batch;
  auto now = options_.clock();
  for (std::span<const std::string_view> rest{keys}; !rest.empty();) {
    auto some = rest.first(std::min(rest.size(), keys_a_call));
    batch.push_back(script_.call(some, x.tombstone, erasure_ttl_, now));
    rest = rest.subspan(some.size());
  }
  run(index, std::move(batch));
}

void l2_core::on_page_erased(size_t index, std::span<const redis_reply> replies) {
  for (auto& reply : replies) {
    auto stored = l2_script::read(reply);
    if (!stored)
      return failed(index, std::move(stored.error()));
    counted().writes += stored->done;
  }
  next_page(index);
}

void l2_core::next_page(size_t index) {
  auto& x = calls_[index];
  if (x.to != nullptr && x.cursor != "0")
    return scan(index);
  auto what = close(index);
  if (what.to != nullptr)
    what.to->on_erased(what.token, caf::unit);
}

} // namespace dbs::cache
