// Reading: values, and the marks of their tags.
#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/cache/envelope.hpp"
#include "dbs/runtime/cache/l2_core.hpp"

#include <algorithm>
#include <unordered_map>

namespace dbs::cache {

namespace {

/// Keys of one MGET at most, which no other client of Redis waits for long.
constexpr size_t max_keys_a_command = 1000;

/// What the reply to one MGET may be expected to have: far from what Redis' client accepts.
constexpr size_t expected_bytes_a_command = size_t{16} << 20;

/// It does not count any more, and is there.
stored_value as_tombstone(const version& vers) {
  stored_value result;
  result.vers = vers;
  result.kind = stored_kind::tombstone;
  return result;
}

bool has_tags(const std::optional<stored_value>& what) {
  return what && !what->tags.empty();
}

} // namespace

void l2_core::read(std::string_view key, time_point deadline, level_sink& to, level_token token) {
  auto index = open(call_kind::read, deadline, to, token);
  redis_command get{"GET"};
  get.add(key_of(key_prefix_, key));
  run(index, std::move(get));
}

void l2_core::read(const std::vector<std::string>& keys, time_point deadline, level_sink& to,
                   level_token token) {
  if (keys.empty())
    return to.on_values(token, std::vector<std::optional<stored_value>>{});
  auto index = open(call_kind::read_many, deadline, to, token);
  calls_[index].keys = keys.size();
  // The reply to each is bounded.
  auto most = std::clamp(expected_bytes_a_command / std::max<size_t>(mean_bytes_, 1), size_t{1},
                         max_keys_a_command);
  get_many(index, key_prefix_, keys, most);
}

/// One MGET, or several in one go, with at most `most` keys each.
void l2_core::get_many(size_t index, const std::string& prefix,
                       const std::vector<std::string>& keys, size_t most) {
  std::vector<redis_command> batch;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (i % most == 0)
      batch.emplace_back("MGET");
    batch.back().add(key_of(prefix, keys[i]));
  }
  if (batch.size() == 1)
    run(index, std::move(batch.front()));
  else
    run(index, std::move(batch));
}

void l2_core::on_got(size_t index, std::span<const redis_reply> replies) {
  auto& x = calls_[index];
  if (x.to == nullptr) {
    close(index);
    return;
  }
  if (!x.tags.empty())
    on_marks(index, replies);
  else if (x.kind == call_kind::read)
    on_value(index, replies.front().value());
  else
    on_values(index, replies);
}

void l2_core::on_value(size_t index, const redis_value& what) {
  auto found = take_value(what);
  if (!has_tags(found))
    return deliver(index, std::move(found));
  calls_[index].found.push_back(std::move(found));
  check_tags(index);
}

void l2_core::on_values(size_t index, std::span<const redis_reply> replies) {
  auto& x = calls_[index];
  x.found.reserve(x.keys);
  for (auto& reply : replies)
    for (auto value : reply)
      x.found.push_back(take_value(value));
  if (x.found.size() != x.keys)
    return failed(index, fail(errc::protocol_error,
                              "redis has answered MGET with " + std::to_string(x.found.size()) +
                                  " values for " + std::to_string(x.keys) + " keys"));
  check_tags(index);
}

void l2_core::on_corrupt_value(size_t index, const caf::error& why) {
  corrupt(why);
  deliver(index, std::nullopt);
}

std::optional<stored_value> l2_core::take_value(const redis_value& what) {
  if (!what.is_nil())
    mean_bytes_ = (7 * mean_bytes_ + what.text().size()) / 8;
  return take(what, options_.settings.max_value_bytes);
}

std::optional<stored_value> l2_core::take(const redis_value& what, size_t max_value_bytes) {
  if (what.is_nil())
    return std::nullopt;
  auto result = decode_envelope(what.text(), max_value_bytes);
  if (!result) {
    corrupt(result.error());
    return std::nullopt;
  }
  auto expires = result->kind != stored_kind::tombstone && result->hard != wall_time::max();
  if (expires && result->hard <= options_.clock())
    return as_tombstone(result->vers);
  return std::move(*result);
}

// -- tags ------------------------------------------------------------------------------

/// Goes on when all that have tags are known to be there, or not to be: at once, or when
/// Redis has been asked for the marks that are not known.
void l2_core::check_tags(size_t index) {
  auto& x = calls_[index];
  auto now = timers_.now();
  for (auto& found : x.found) {
    if (!has_tags(found))
      continue;
    auto unknown = x.tags.size();
    for (auto& tag : found->tags) {
      auto mark = marks_.find(tag, now);
      if (mark && found->vers < *mark) {
        x.tags.resize(unknown);
        found = as_tombstone(found->vers);
        break;
      }
      if (!mark)
        x.tags.push_back(tag);
    }
  }
  if (x.tags.empty())
    return deliver_all(index);
  std::sort(x.tags.begin(), x.tags.end());
  x.tags.erase(std::unique(x.tags.begin(), x.tags.end()), x.tags.end());
  auto tags = x.tags; // a refusal gives the call back
  get_many(index, tag_prefix_, tags, max_keys_a_command);
}

void l2_core::on_marks(size_t index, std::span<const redis_reply> replies) {
  auto& x = calls_[index];
  auto now = timers_.now();
  auto until = now + options_.settings.l1_ttl / 2;
  std::unordered_map<std::string_view, version> marks;
  for (auto& reply : replies)
    for (auto value : reply) {
      if (marks.size() == x.tags.size())
        return failed(index, fail(errc::protocol_error, "redis has answered MGET with too much"));
      auto& tag = x.tags[marks.size()];
      auto mark = take(value, 0);
      auto vers = mark ? mark->vers : version{};
      marks_.learn(tag, vers, now, until);
      marks.emplace(tag, std::max(vers, marks_.find(tag, now).value_or(version{})));
    }
  if (marks.size() != x.tags.size())
    return failed(index, fail(errc::protocol_error, "redis has answered MGET with too little"));
  for (auto& found : x.found) {
    if (!has_tags(found))
      continue;
    auto erased = std::any_of(found->tags.begin(), found->tags.end(), [&](auto& tag) {
      auto i = marks.find(tag);
      return found->vers <
             (i != marks.end() ? i->second : marks_.find(tag, now).value_or(version{}));
    });
    if (erased)
      found = as_tombstone(found->vers);
  }
  deliver_all(index);
}

// -- answering ---------------------------------------------------------------------------

void l2_core::deliver_all(size_t index) {
  auto& x = calls_[index];
  if (x.kind == call_kind::read)
    return deliver(index, std::move(x.found.front()));
  auto all = std::move(x.found);
  for (auto& found : all)
    count(found);
  auto what = close(index);
  measure(what);
  if (what.to != nullptr)
    what.to->on_values(what.token, std::move(all));
}

void l2_core::deliver(size_t index, std::optional<stored_value> found) {
  count(found);
  auto what = close(index);
  measure(what);
  if (what.to != nullptr)
    what.to->on_value(what.token, std::move(found));
}

void l2_core::measure(const question& what) {
  auto took = timers_.now() - what.asked;
  options_.counters->reads.record(took);
  options_.waits->record(took);
}

void l2_core::count(const std::optional<stored_value>& found) {
  ++(found && found->kind != stored_kind::tombstone ? counted().hits : counted().misses);
}

void l2_core::corrupt(const caf::error& why) {
  ++counted().corrupt;
  options_.log->log("cache.l2", observe::log_level::warning, "an entry in redis makes no sense",
                    {{"reason", detail(why).what}});
}

} // namespace dbs::cache
