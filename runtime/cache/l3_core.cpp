#include "dbs/runtime/cache/l3_core.hpp"

#include "dbs/runtime/cache/limits.hpp"

#include <utility>

namespace dbs::cache {

l3_core::l3_core(const cache_settings& settings, const l3_limits& limits, timer_queue& timers,
                 l3_database& database, std::shared_ptr<level_counters> counters,
                 std::function<wall_time()> clock, uint64_t seed)
    : max_value_bytes_(settings.max_value_bytes),
      context_{l3_statements{settings.l3_table, erasure_ttl(settings)},
               limits,
               timers,
               database,
               std::move(counters),
               std::move(clock),
               {},
               0,
               fail(errc::not_ready, "the cache's table has not been looked at yet")},
      reads_(context_), writes_(context_), erasures_(context_, writes_),
      random_(static_cast<std::minstd_rand::result_type>(seed)) {}

l3_core::~l3_core() {
  auto reason = l3_restarted();
  context_.closed = reason; // for sinks that ask again
  context_.timers.cancel(clean_timer_);
  reads_.refuse_all(reason);
  writes_.refuse_all(reason);
  erasures_.refuse_all(reason);
}

// -- calls ------------------------------------------------------------------------------

void l3_core::read(std::string_view key, time_point deadline, level_sink& to, level_token token) {
  if (auto refused = l3_statements::check_text("the key", key, max_key_bytes)) {
    context_.count_error(refused, 1);
    return to.on_value(token, refused);
  }
  reads_.ask({std::string{key}}, true, deadline, to, token);
}

void l3_core::read(const std::vector<std::string>& keys, time_point deadline, level_sink& to,
                   level_token token) {
  for (size_t i = 0; i < keys.size(); ++i)
    if (auto refused =
            l3_statements::check_text("key " + std::to_string(i), keys[i], max_key_bytes)) {
      context_.count_error(refused, keys.size());
      return to.on_values(token, refused);
    }
  reads_.ask(keys, false, deadline, to, token);
}

void l3_core::write(std::string_view key, const stored_value& what, time_point deadline,
                    level_sink& to, level_token token) {
  store(key, what, std::nullopt, deadline, to, token);
}

void l3_core::fill(std::string_view key, const stored_value& what, const version& seen,
                   time_point deadline, level_sink& to, level_token token) {
  store(key, what, seen, deadline, to, token);
}

void l3_core::store(std::string_view key, const stored_value& what,
                    const std::optional<version>& seen, time_point deadline, level_sink& to,
                    level_token token) {
  auto refused = l3_statements::check_text("the key", key, max_key_bytes);
  if (!refused)
    refused = l3_statements::check(what);
  if (!refused && seen)
    refused = l3_statements::check(*seen);
  if (!refused && what.value.size() > max_value_bytes_)
    refused = fail(errc::payload_too_large, "a value of " + std::to_string(what.value.size()) +
                                                " bytes, cache.max_value_bytes is " +
                                                std::to_string(max_value_bytes_));
  if (refused) {
    context_.count_error(refused, 1);
    return to.on_written(token, refused);
  }
  writes_.ask(key, what, seen, deadline, to, token);
}

void l3_core::erase_prefix(std::string_view prefix, const version& vers, time_point deadline,
                           level_sink& to, level_token token) {
  // The empty prefix means everything.
  auto refused = prefix.empty() ? caf::error{}
                                : l3_statements::check_text("the prefix", prefix, max_key_bytes);
  erase(l3_scope::prefix, prefix, vers, deadline, to, token, refused);
}

void l3_core::erase_tag(std::string_view tag, const version& vers, time_point deadline,
                        level_sink& to, level_token token) {
  auto refused = l3_statements::check_text("the tag", tag, stored_value::max_tag_bytes);
  erase(l3_scope::tag, tag, vers, deadline, to, token, refused);
}

void l3_core::erase(l3_scope scope, std::string_view text, const version& vers, time_point deadline,
                    level_sink& to, level_token token, const caf::error& refused) {
  auto reason = refused ? refused : l3_statements::check(vers);
  if (reason) {
    context_.count_error(reason, 1);
    return to.on_erased(token, reason);
  }
  erasures_.ask(scope, text, vers, deadline, to, token);
}

void l3_core::forget(level_sink& to) {
  reads_.forget(to);
  writes_.forget(to);
  erasures_.forget(to);
}

// -- the owner's --------------------------------------------------------------------------

void l3_core::open() {
  if (is_open())
    return;
  context_.closed = {};
  clean();
}

void l3_core::close(const caf::error& reason) {
  context_.closed = reason;
  context_.timers.cancel(clean_timer_);
  reads_.refuse_waiting(reason);
  writes_.refuse_waiting(reason);
  erasures_.refuse_waiting(reason);
}

void l3_core::flush() {
  if (!is_open())
    return;
  reads_.flush();
  writes_.flush();
  erasures_.flush();
}

void l3_core::on_result(l3_token token, caf::expected<pg_result> result) {
  --context_.figures.in_flight;
  context_.figures.failed_statements += result ? 0 : 1;
  if (token == cleaning_)
    on_cleaned(result);
  else if (!reads_.on_result(token, result) && !writes_.on_result(token, result))
    erasures_.on_result(token, result);
  context_.database.flush_soon();
}

// -- cleaning ---------------------------------------------------------------------------

void l3_core::clean() {
  // One that is under way goes on by itself.
  if (cleaning_ != 0)
    return;
  auto statement = context_.sql.clean(context_.clock(), context_.limits.clean_rows);
  cleaning_ = context_.send(std::move(statement), time_point::max());
}

void l3_core::on_cleaned(const caf::expected<pg_result>& result) {
  cleaning_ = 0;
  auto rows = result ? result->affected_rows() : 0;
  context_.figures.cleaned += rows;
  if (!is_open())
    return;
  if (rows >= context_.limits.clean_rows)
    return clean();
  // Nodes that were started together need not do it together.
  auto share = std::uniform_real_distribution<double>{0.5, 1.0}(random_);
  auto delay = std::chrono::duration_cast<caf::timespan>(context_.limits.clean_interval * share);
  clean_timer_ = context_.timers.schedule_after(delay, [this] { clean(); });
}

} // namespace dbs::cache
