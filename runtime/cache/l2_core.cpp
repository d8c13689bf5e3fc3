// Writes, and what all calls have in common; l2_read.cpp and l2_erase.cpp have the others.
#include "dbs/runtime/cache/l2_core.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/cache/envelope.hpp"
#include "dbs/runtime/cache/limits.hpp"

#include <algorithm>
#include <array>

namespace dbs::cache {

namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr caf::timespan window = 10s;

/// Redis is as good as gone if it takes longer, and has time to spare if it takes less.
constexpr caf::timespan slow_response = 10ms;
constexpr caf::timespan quick_response = 1ms;

/// As good as for ever, and no problem for Redis to add to its clock.
constexpr milliseconds longest_life = std::chrono::hours{24 * 365 * 10};

caf::error client_is_away() {
  return fail(errc::connection_lost, "redis is not there: its client is being restarted");
}

} // namespace

l2_core::l2_core(l2_options options, timer_queue& timers)
    : options_(std::move(options)), key_prefix_(options_.settings.l2_prefix + ":c:"),
      tag_prefix_(options_.settings.l2_prefix + ":t:"),
      erasure_ttl_(erasure_ttl(options_.settings)),
      tagged_ttl_(std::max<milliseconds>(
          std::chrono::duration_cast<milliseconds>(2 * options_.settings.l2_ttl), 24h)),
      timers_(timers), recent_(*options_.waits, window) {}

l2_core::~l2_core() {
  if (auto* redis = options_.redis->get())
    redis->forget(*this);
  std::vector<question> rest;
  calls_.for_each([&](call& x) { rest.push_back(x); });
  auto reason = fail(errc::restarted, "the cache's level in redis stopped while it was asked");
  for (auto& x : rest)
    refuse(x, reason);
}

// -- writing -------------------------------------------------------------------------

void l2_core::write(std::string_view key, const stored_value& what, time_point deadline,
                    level_sink& to, level_token token) {
  auto index = open(call_kind::write, deadline, to, token);
  store(index, key_of(key_prefix_, key), what, life_of(what), std::nullopt);
}

void l2_core::fill(std::string_view key, const stored_value& what, const version& seen,
                   time_point deadline, level_sink& to, level_token token) {
  auto index = open(call_kind::write, deadline, to, token);
  store(index, key_of(key_prefix_, key), what, life_of(what), seen);
}

void l2_core::erase_tag(std::string_view tag, const version& vers, time_point deadline,
                        level_sink& to, level_token token) {
  auto now = timers_.now();
  // Here it holds from now on, and whatever becomes of it in Redis, nothing wrong is read.
  marks_.learn(tag, vers, now, now + options_.settings.l1_ttl);
  stored_value mark;
  mark.kind = stored_kind::tombstone;
  mark.vers = vers;
  auto index = open(call_kind::erase_tag, deadline, to, token);
  store(index, key_of(tag_prefix_, tag), mark, tagged_ttl_ + erasure_ttl_, std::nullopt);
}

void l2_core::store(size_t index, const std::string& key, const stored_value& what,
                    milliseconds life, const std::optional<version>& seen) {
  std::array keys{std::string_view{key}};
  run(index, script_.call(keys, encode_envelope(what), life, options_.clock(), seen));
}

milliseconds l2_core::life_of(const stored_value& what) const {
  if (what.kind == stored_kind::tombstone)
    return erasure_ttl_;
  auto most = what.tags.empty() ? longest_life : tagged_ttl_;
  if (what.hard == wall_time::max())
    return what.tags.empty() ? 0ms : most;
  return std::clamp(what.hard - options_.clock(), erasure_ttl_, std::max(most, erasure_ttl_));
}

void l2_core::on_stored(size_t index, const redis_reply& reply) {
  auto stored = l2_script::read(reply);
  if (!stored)
    return failed(index, std::move(stored.error()));
  auto done = stored->done > 0;
  ++(done ? counted().writes : counted().refused_older);
  auto what = close(index);
  if (what.to == nullptr)
    return;
  if (what.kind == call_kind::erase_tag)
    what.to->on_erased(what.token, caf::unit);
  else
    what.to->on_written(what.token, level_write{done, stored->there, stored->had_value > 0});
}

// -- calls ---------------------------------------------------------------------------

size_t l2_core::open(call_kind kind, time_point deadline, level_sink& to, level_token token) {
  auto index = calls_.take();
  static_cast<question&>(calls_[index]) = {&to, token, kind, timers_.now(), deadline, 1};
  return index;
}

l2_core::question l2_core::close(size_t index) {
  auto& x = calls_[index];
  question result = x;
  // Most reads have kept nothing, and to clear it would cost more than all the rest of this.
  if (x.kind != call_kind::read || !x.found.empty())
    static_cast<progress&>(x) = {};
  calls_.give_back(index);
  if (when_idle_ && calls_.used() == 0)
    std::exchange(when_idle_, nullptr)();
  return result;
}

void l2_core::when_idle(std::function<void()> done) {
  if (calls_.used() == 0)
    done();
  else
    when_idle_ = std::move(done);
}

std::string l2_core::key_of(const std::string& prefix, std::string_view key) {
  std::string result;
  result.reserve(prefix.size() + key.size());
  return result.append(prefix).append(key);
}

template <class What>
void l2_core::run(size_t index, What what) {
  auto deadline = calls_[index].deadline;
  if (auto* redis = options_.redis->get())
    redis->execute(std::move(what), deadline, *this, index);
  else
    failed(index, client_is_away());
}

template void l2_core::run(size_t, redis_command);
template void l2_core::run(size_t, std::vector<redis_command>);

void l2_core::on_reply(redis::request_token token, caf::expected<redis_reply> reply) {
  auto index = static_cast<size_t>(token);
  if (!reply)
    return failed(index, std::move(reply.error()));
  switch (calls_[index].kind) {
  case call_kind::read:
  case call_kind::read_many:
    return on_got(index, {&*reply, 1});
  case call_kind::write:
  case call_kind::erase_tag:
    return on_stored(index, *reply);
  case call_kind::erase_prefix:
    return on_scanned(index, *reply);
  }
}

void l2_core::on_replies(redis::request_token token,
                         caf::expected<std::vector<redis_reply>> replies) {
  auto index = static_cast<size_t>(token);
  if (!replies)
    return failed(index, std::move(replies.error()));
  for (auto& x : *replies)
    if (auto reason = x.error())
      return failed(index, std::move(reason));
  if (calls_[index].kind == call_kind::erase_prefix)
    on_page_erased(index, *replies);
  else
    on_got(index, *replies);
}

void l2_core::failed(size_t index, caf::error reason) {
  // What is there is nothing that we have written.
  if (calls_[index].kind == call_kind::read && detail(reason).what.starts_with("WRONGTYPE"))
    return on_corrupt_value(index, reason);
  auto what = close(index);
  auto now = timers_.now();
  auto timeout =
      reason == errc::deadline_exceeded || (reason == errc::in_doubt && now >= what.deadline);
  (timeout ? counted().timeouts : counted().errors) += what.keys;
  if (timeout && is_read(what.kind))
    options_.waits->record(now - what.asked);
  refuse(what, reason);
}

void l2_core::refuse(const question& what, const caf::error& reason) {
  if (what.to == nullptr)
    return;
  switch (what.kind) {
  case call_kind::read:
    return what.to->on_value(what.token, reason);
  case call_kind::read_many:
    return what.to->on_values(what.token, reason);
  case call_kind::write:
    return what.to->on_written(what.token, reason);
  case call_kind::erase_prefix:
  case call_kind::erase_tag:
    return what.to->on_erased(what.token, reason);
  }
}

void l2_core::forget(level_sink& to) {
  calls_.for_each([&](call& x) {
    if (x.to == &to)
      x.to = nullptr;
  });
}

// -- how Redis does ------------------------------------------------------------------

void l2_core::tick() {
  recent_.advance(timers_.now());
}

bool l2_core::connected() const noexcept {
  auto* redis = options_.redis->get();
  return redis != nullptr && redis->up() && !redis->hangs();
}

std::optional<caf::timespan> l2_core::response_p95() const {
  auto seen = recent_.snapshot();
  if (seen.count() == 0)
    return std::nullopt;
  return seen.quantile(0.95);
}

bool l2_core::slow() const {
  auto p95 = response_p95();
  // Reads are given up at the timeout, give or take what a histogram is off by.
  return p95 && *p95 > std::min(slow_response, options_.settings.l2_timeout * 9 / 10);
}

caf::expected<cache_sizes> l2_core::optimize() {
  auto* redis = options_.redis->get();
  if (redis == nullptr)
    return client_is_away();
  auto kept = redis->kept_connections();
  auto p95 = response_p95();
  if (slow())
    redis->keep_connections(kept + std::max(kept / 2, 1U));
  else if (p95 && *p95 < quick_response)
    redis->keep_connections(kept - std::min(kept, std::max(kept / 4, 1U)));
  cache_sizes result;
  result.l2_connections = redis->kept_connections();
  result.l2_connections_min = redis->settings().pool_min;
  result.l2_connections_max = redis->settings().pool_max;
  result.l2_response_p95 = p95;
  return result;
}

} // namespace dbs::cache
