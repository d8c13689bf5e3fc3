#include "dbs/actors/cache/cache_l2.hpp"

#include "dbs/actors/cache/internal/cache_l2_metrics.hpp"
#include "dbs/messages/error_detail.hpp"

#include <chrono>
#include <utility>

namespace dbs {

namespace {

constexpr caf::timespan tick_interval = std::chrono::seconds{1};

caf::error is_draining() {
  return fail(errc::draining, "the cache's second level is shutting down");
}

} // namespace

cache_l2_state::cache_l2_state(loop_actor<actor_type>* self, cache_l2_options options)
    : self_(self), options_(std::move(options)),
      metrics_(std::make_unique<internal::cache_l2_metrics>(options_.metrics)),
      core_({.settings = options_.settings,
             .redis = options_.redis,
             .counters = options_.counters,
             .waits = &metrics_->reads(),
             .log = options_.log},
            self->timers()) {}

cache_l2_state::~cache_l2_state() {
  if (options_.link->whoever_is_there() == &core_)
    options_.link->down();
  if (options_.tuning->whoever_is_there() == &core_)
    options_.tuning->down();
}

cache_l2_state::actor_type::behavior_type cache_l2_state::make_behavior() {
  options_.link->up(core_);
  options_.tuning->up(core_);
  return {
      [this](start_atom, const call_context&) { return start(); },
      [this](ready_atom, const call_context&) { return start(); },
      [this](drain_atom, const call_context& context) { return drain(context); },
      [this](health_atom, const call_context&) { return health(); },
      [this](stats_atom, const call_context&) { return stats(); },
      [](resize_atom, const call_context&, const resize_request& request) -> caf::result<void> {
        return fail(errc::invalid_argument, "cache.l2 has no size '" + request.what + "'");
      },
  };
}

// -- messages --------------------------------------------------------------------------

caf::result<void> cache_l2_state::start() {
  if (drains_)
    return is_draining();
  if (!std::exchange(started_, true))
    tick();
  return caf::unit;
}

caf::result<void> cache_l2_state::drain(const call_context& context) {
  draining_.emplace_back(self_);
  if (!std::exchange(drains_, true)) {
    options_.link->close();
    options_.tuning->close();
    if (context.has_deadline())
      self_->timers().schedule(context.deadline, [this] { end_drain(); });
  }
  core_.when_idle([this] { end_drain(); });
  return reply<void>::pending();
}

void cache_l2_state::end_drain() {
  for (auto& caller : std::exchange(draining_, {}))
    caller.deliver();
}

// -- how it stands ---------------------------------------------------------------------

void cache_l2_state::tick() {
  core_.tick();
  metrics_->publish(options_.counters->counted, core_.connected(), core_.open_calls());
  tell_changes();
  self_->timers().schedule_after(tick_interval, [this] { tick(); });
}

/// That Redis is lost, or back, is its own manager's to tell.
void cache_l2_state::tell_changes() {
  auto slow = core_.slow();
  if (std::exchange(was_slow_, slow) == slow)
    return;
  options_.log->log("cache.l2", slow ? observe::log_level::warning : observe::log_level::info,
                    slow ? "redis is slow for the cache" : "redis is quick enough again",
                    {{"response_time_ms.p95", p95_ms()}});
}

double cache_l2_state::p95_ms() const {
  return std::chrono::duration<double, std::milli>{core_.response_p95().value_or(caf::timespan{0})}
      .count();
}

health_report cache_l2_state::health() const {
  auto& counted = options_.counters->counted;
  auto reads = counted.hits + counted.misses;
  health_report result;
  result.component = "cache.l2";
  result.status = health_status::degraded;
  if (drains_)
    result.detail = "the cache's second level has been shut down";
  else if (!core_.connected())
    result.detail = "redis does not answer";
  else if (core_.slow())
    result.detail = "redis is slow for the cache";
  else
    result.status = health_status::healthy;
  result.fields = {
      {"connected", core_.connected()},
      {"response_time_ms.p95", p95_ms()},
      {"hit_rate",
       reads > 0 ? static_cast<double>(counted.hits) / static_cast<double>(reads) : 0.0},
      {"errors", static_cast<int64_t>(counted.errors)},
      {"timeouts", static_cast<int64_t>(counted.timeouts)},
  };
  return result;
}

stats_report cache_l2_state::stats() const {
  auto& x = options_.counters->counted;
  auto number = [](auto n) { return static_cast<int64_t>(n); };
  return {"cache.l2",
          {
              {"hits", number(x.hits)},
              {"misses", number(x.misses)},
              {"errors", number(x.errors)},
              {"timeouts", number(x.timeouts)},
              {"corrupt", number(x.corrupt)},
              {"writes", number(x.writes)},
              {"refused_older", number(x.refused_older)},
              {"open_calls", number(core_.open_calls())},
          }};
}

cache_l2_state::actor_type spawn_cache_l2(event_loop& loop, cache_l2_options options) {
  return spawn_on<cache_l2_state>(loop, std::move(options));
}

} // namespace dbs
