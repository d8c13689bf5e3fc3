// What no level knows comes from the loader of its namespace.
#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/cache/cache_core.hpp"
#include "dbs/runtime/cache/key_rules.hpp"

#include <algorithm>
#include <utility>

namespace dbs::cache {

void cache_core::load(cache_flight& f) {
  f.loading = true;
  if (queued_loads_.size() >= max_queued_loads_) {
    ++memory_->counts.overloaded;
    return load_failed(f, fail(errc::overloaded, "too many loaders wait for others to end",
                               {{"waiting", static_cast<int64_t>(queued_loads_.size())}}));
  }
  queued_loads_.push_back(&f);
  start_loads();
}

void cache_core::start_loads() {
  // A loader may answer at once, and come back here.
  if (std::exchange(starts_loads_, true))
    return;
  while (!queued_loads_.empty() && loads_.size() < settings_.max_loads) {
    auto& f = *queued_loads_.front();
    queued_loads_.pop_front();
    if (f.waiters.empty() && !f.renews)
      finish(f); // all have given up
    else
      start_load(f);
  }
  starts_loads_ = false;
}

void cache_core::start_load(cache_flight& f) {
  auto token = ++next_load_;
  auto now = timers_.now();
  auto deadline = now + settings_.load_timeout;
  // What is written from now on is newer than what the loader sees.
  f.load_version = memory_->versions.next();
  f.load_invalidations = memory_->counts.invalidations;
  ++memory_->counts.loads;
  auto limit = timers_.schedule(deadline, [this, token] {
    loaded(token, fail(errc::deadline_exceeded, "the loader did not answer in time"));
  });
  loads_.emplace(token, running_load{&f, now, limit});
  // It may be finished, and its slot in use again, when this returns.
  auto options = f.options;
  auto own = f.loader;
  auto key = f.key;
  owner_.load(token, own ? *own : options->loader, key, deadline);
}

void cache_core::loaded(load_token token, caf::expected<cache_loaded> what) {
  auto i = loads_.find(token);
  if (i == loads_.end())
    return; // too late
  auto& f = *i->second.flight;
  timers_.cancel(i->second.limit);
  memory_->load_latency.record(
      std::chrono::duration_cast<caf::timespan>(timers_.now() - i->second.began));
  loads_.erase(i);
  auto made = what ? made_of(f, std::move(*what)) : std::move(what.error());
  if (!made) {
    ++memory_->counts.load_errors;
    load_failed(f, made.error());
  } else {
    keep_loaded(f, *made);
    if (!load_again(f, *made)) {
      answer_waiters(
          f, {made->kind == stored_kind::value, made->value, cache_source::loader, false}, true);
      finish(f);
    }
  }
  start_loads();
}

caf::expected<stored_value> cache_core::made_of(const cache_flight& f, cache_loaded&& what) {
  auto ttl = what.ttl.value_or(f.options->ttl.value_or(settings_.l2_ttl));
  cache_put as_put{f.key, std::move(what.value), ttl, std::move(what.tags), {}, !what.found};
  if (auto refused = check_put(as_put, settings_)) {
    auto why = detail(refused);
    why.what = "what the loader has answered is refused: " + why.what;
    return fail(static_cast<errc>(refused.code()), std::move(why));
  }
  auto now = memory_->wall();
  stored_value result;
  result.vers = f.load_version;
  result.tags = std::move(as_put.tags);
  if (what.found) {
    result.value = std::move(as_put.value);
    result.soft = after(now, ttl);
    auto window = std::max(f.options->stale_while_revalidate, f.options->stale_on_error);
    result.hard = result.soft + std::chrono::ceil<std::chrono::milliseconds>(window);
  } else {
    result.kind = stored_kind::negative;
    result.soft = result.hard = after(now, f.options->negative_ttl);
  }
  return result;
}

/// What was loaded before one of its tags was invalidated is for those alone who had asked
/// before that.
bool cache_core::load_again(cache_flight& f, const stored_value& what) {
  if (!is_erased(f.key, what))
    return false;
  auto early = std::stable_partition(f.waiters.begin(), f.waiters.end(), [&](const waiter& x) {
    return x.invalidations > f.load_invalidations;
  });
  for (auto i = early; i != f.waiters.end(); ++i)
    answer(*i, {what.kind == stored_kind::value, what.value, cache_source::loader, false});
  f.waiters.erase(early, f.waiters.end());
  if (f.waiters.empty())
    return false;
  load(f);
  return true;
}

void cache_core::keep_loaded(const cache_flight& f, const stored_value& what) {
  auto is_kept = !f.detached && !is_erased(f.key, what);
  if (is_kept && what.kind == stored_kind::negative && f.options->negative_ttl.count() == 0) {
    memory_->l1.erase(f.key, what.vers);
    return;
  }
  if (is_kept && keep_in_l1(f.key, what, f.levels) != l1_outcome::older)
    fill(f, what, (f.levels & level_3) != no_level);
  else
    ++memory_->counts.discarded;
}

void cache_core::load_failed(cache_flight& f, const caf::error& reason) {
  if (f.stale && is_within(*f.stale, f.options->stale_on_error))
    answer_waiters(f, best_of(f), true);
  for (auto& x : std::exchange(f.waiters, {}))
    refuse(x, reason);
  finish(f);
}

} // namespace dbs::cache
