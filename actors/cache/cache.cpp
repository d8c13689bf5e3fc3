#include "dbs/actors/cache/cache.hpp"

#include "dbs/actors/cache/internal/cache_metrics.hpp"
#include "dbs/actors/cache/reports.hpp"
#include "dbs/messages/error_detail.hpp"

#include <chrono>
#include <random>
#include <utility>

namespace dbs {

namespace {

constexpr caf::timespan tick_interval = std::chrono::seconds{1};

/// Functions that load may block: as many as may run, and a queue for a moment.
constexpr size_t function_threads = 16;
constexpr size_t queued_functions = 1000;

} // namespace

cache_state::cache_state(loop_actor<actor_type>* self, cache_options options)
    : self_(self), options_(std::move(options)),
      metrics_(std::make_unique<internal::cache_metrics>(options_.metrics)),
      core_(options_.core, self->timers(), *this, std::random_device{}()),
      functions_(function_threads, queued_functions) {}

cache_state::~cache_state() = default;

cache_state::actor_type::behavior_type cache_state::make_behavior() {
  // The core counts them, and has something stale for some.
  self_->answer_late_requests();
  self_->gather_requests();
  return {
      // -- cache_actor
      [this](get_atom, const call_context& context, cache_get& what) -> caf::result<cache_value> {
        auto token = values_.put(reply<cache_value>{self_});
        as_request([&] { core_.get(std::move(what), context.deadline, token); });
        return reply<cache_value>::pending();
      },
      [this](get_atom, const call_context& context,
             cache_get_with& what) -> caf::result<cache_value> {
        auto token = values_.put(reply<cache_value>{self_});
        as_request([&] { core_.get(std::move(what), context.deadline, token); });
        return reply<cache_value>::pending();
      },
      [this](get_atom, const call_context& context,
             cache_get_many& what) -> caf::result<std::vector<cache_value>> {
        auto token = value_lists_.put(reply<std::vector<cache_value>>{self_});
        as_request([&] { core_.get(std::move(what), context.deadline, token); });
        return reply<std::vector<cache_value>>::pending();
      },
      [this](put_atom, const call_context& context, cache_put& what) -> caf::result<void> {
        auto token = done_.put(reply<void>{self_});
        as_request([&] { core_.put(std::move(what), context.deadline, token); });
        return reply<void>::pending();
      },
      [this](put_atom, const call_context& context, cache_put_many& what) -> caf::result<void> {
        auto token = done_.put(reply<void>{self_});
        as_request([&] { core_.put(std::move(what), context.deadline, token); });
        return reply<void>::pending();
      },
      [this](erase_atom, const call_context& context,
             const cache_erase& what) -> caf::result<bool> {
        auto token = erased_.put(reply<bool>{self_});
        as_request([&] { core_.erase(what, context.deadline, token); });
        return reply<bool>::pending();
      },
      [this](invalidate_atom, const call_context& context,
             const cache_invalidate& what) -> caf::result<void> {
        auto token = done_.put(reply<void>{self_});
        as_request([&] { core_.invalidate(what, context.deadline, token); });
        return reply<void>::pending();
      },
      [this](report_atom, const call_context&) { return figures(); },
      [this](tune_atom, const call_context&, const cache_tuning& what) { return tune(what); },
      // -- manager_control_actor
      [this](start_atom, const call_context&) { return start(); },
      [](ready_atom, const call_context&) -> caf::result<void> { return caf::unit; },
      [this](drain_atom, const call_context& context) { return drain(context); },
      [this](health_atom, const call_context&) { return health(); },
      [this](stats_atom, const call_context&) {
        return stats_report{"cache", fields_of(figures())};
      },
      [this](resize_atom, const call_context&, const resize_request& what) -> caf::result<void> {
        if (what.what != "l1_size")
          return fail(errc::invalid_argument, "the cache has no size '" + what.what + "'");
        if (auto refused = resize_l1(what.size < 0 ? 0 : static_cast<uint64_t>(what.size)))
          return refused;
        return caf::unit;
      },
  };
}

// -- requests --------------------------------------------------------------------------

void cache_state::do_enter(void (*body)(void*), void* context) {
  if (in_request_)
    return body(context);
  // Keeps the actor alive, whatever the core finds out.
  caf::strong_actor_ptr guard{self_->ctrl()};
  self_->enter([body, context] { body(context); });
}

void cache_state::on_value(request_token token, caf::expected<cache_value> what) {
  values_.answer(token, std::move(what));
}

void cache_state::on_values(request_token token, caf::expected<std::vector<cache_value>> what) {
  value_lists_.answer(token, std::move(what));
}

void cache_state::on_done(request_token token, caf::expected<void> what) {
  done_.answer(token, std::move(what));
}

void cache_state::on_erased(request_token token, caf::expected<bool> what) {
  erased_.answer(token, std::move(what));
}

caf::error cache_state::resize_l1(uint64_t entries) {
  constexpr uint64_t most = 100'000'000;
  if (entries < 1 || entries > most)
    return fail(errc::invalid_argument, "l1_size is from 1 to 100000000");
  auto& l1 = options_.core.memory->l1;
  auto limits = l1.limits();
  auto before = limits.entries;
  limits.entries = entries;
  l1.resize(limits);
  options_.log->log(
      "cache", observe::log_level::info, "l1 is resized",
      {{"from", static_cast<int64_t>(before)}, {"to", static_cast<int64_t>(entries)}});
  return {};
}

caf::result<cache_sizes> cache_state::tune(const cache_tuning& what) {
  if (what.l1_size)
    if (auto refused = resize_l1(*what.l1_size))
      return refused;
  cache_sizes result;
  if (what.optimize_l2_connections) {
    auto* redis = options_.redis->get();
    if (redis == nullptr)
      return fail(errc::connection_lost, "the second level of the cache is not there");
    auto sizes = redis->optimize();
    if (!sizes)
      return std::move(sizes.error());
    result = *sizes;
  }
  result.l1_size = options_.core.memory->l1.limits().entries;
  return result;
}

// -- the manager -------------------------------------------------------------------------

caf::result<void> cache_state::start() {
  if (drains_)
    return fail(errc::draining, "the cache is shutting down");
  if (!std::exchange(started_, true)) {
    core_.start();
    tick();
  }
  // It works without any other level.
  return caf::unit;
}

caf::result<void> cache_state::drain(const call_context& context) {
  draining_.emplace_back(self_);
  if (std::exchange(drains_, true)) {
    if (core_.drained())
      on_drained();
    return reply<void>::pending();
  }
  if (context.has_deadline())
    self_->timers().schedule(context.deadline, [this] {
      if (!core_.drained())
        core_.abort(fail(errc::draining, "the cache is shutting down"));
    });
  as_request([this] { core_.drain(); });
  return reply<void>::pending();
}

void cache_state::on_drained() {
  for (auto& caller : std::exchange(draining_, {}))
    caller.deliver();
}

void cache_state::tick() {
  if (core_.drained())
    return;
  metrics_->publish(figures());
  self_->timers().schedule_after(tick_interval, [this] { tick(); });
}

cache_stats cache_state::figures() const {
  auto result = stats_of(*options_.core.memory, *options_.l2_counters, *options_.l3_counters);
  result.l3_enabled = options_.core.settings.l3_enabled;
  result.waiting = core_.waiting();
  return result;
}

health_report cache_state::health() const {
  auto figures = this->figures();
  auto l2_is_there = options_.core.l2->get() != nullptr;
  auto l3_is_there = !figures.l3_enabled || options_.core.l3->get() != nullptr;
  health_report result;
  result.component = "cache";
  result.status = health_status::degraded;
  if (core_.drained())
    result.detail = "the cache has been shut down";
  else if (!l2_is_there)
    result.detail = "the second level is not there";
  else if (!l3_is_there)
    result.detail = "the third level is not there";
  else if (figures.unsettled >= cache::unsettled_writes::max_keys)
    result.detail = "too many keys wait for a level that is away: writes are refused";
  else
    result.status = health_status::healthy;
  result.fields = fields_of(figures);
  return result;
}

cache_state::actor_type spawn_cache(event_loop& loop, cache_options options) {
  return spawn_on<cache_state>(loop, std::move(options));
}

} // namespace dbs
