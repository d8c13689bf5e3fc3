#include "dbs/actors/cache/cache_l3.hpp"

#include "dbs/actors/cache/internal/cache_l3_metrics.hpp"
#include "dbs/actors/client/pending_request.hpp"
#include "dbs/messages/error_detail.hpp"

#include <algorithm>
#include <random>
#include <utility>

namespace dbs {

namespace {

constexpr caf::timespan tick_interval = std::chrono::seconds{1};

/// For a look at the table, and to make it.
constexpr caf::timespan look_timeout = std::chrono::seconds{2};

constexpr backoff_options look_again{.first = std::chrono::milliseconds{50},
                                     .base = std::chrono::milliseconds{200},
                                     .cap = std::chrono::seconds{5}};

caf::error is_draining() {
  return fail(errc::draining, "the cache's third level is shutting down");
}

/// Whether PostgreSQL is certainly away: the pool adds why it cannot connect to what it answers.
bool tells_loss(const caf::error& reason) {
  auto fields = detail(reason).fields;
  return reason == errc::connection_lost || reason == errc::restarted || reason == errc::draining ||
         std::any_of(fields.begin(), fields.end(),
                     [](const field& x) { return x.name == "last_connect_error"; });
}

/// Whether PostgreSQL, or the table, may be away.
bool tells_doubt(const caf::error& reason) {
  // 42: the table, or what belongs to it, is unknown, or we may not use it.
  return tells_loss(reason) || reason == errc::in_doubt || reason == errc::deadline_exceeded ||
         detail(reason).sqlstate.starts_with("42");
}

} // namespace

cache_l3_state::cache_l3_state(loop_actor<actor_type>* self, cache_l3_options options)
    : self_(self), options_(std::move(options)),
      metrics_(std::make_unique<internal::cache_l3_metrics>(options_.metrics)),
      backoff_(look_again), core_(options_.settings, options_.limits, self->timers(), *this,
                                  options_.counters, options_.clock, std::random_device{}()) {}

cache_l3_state::~cache_l3_state() {
  if (options_.link->whoever_is_there() == &core_)
    options_.link->down();
  self_->io().forget(*this);
}

cache_l3_state::actor_type::behavior_type cache_l3_state::make_behavior() {
  return {
      [this](start_atom, const call_context&) { return start(); },
      [this](ready_atom, const call_context&) { return startup_.ready(self_); },
      [this](drain_atom, const call_context& context) { return drain(context); },
      [this](health_atom, const call_context&) { return health(); },
      [this](stats_atom, const call_context&) { return stats(); },
      [](resize_atom, const call_context&, const resize_request& request) -> caf::result<void> {
        return fail(errc::invalid_argument, "cache.l3 has no size '" + request.what + "'");
      },
  };
}

// -- messages --------------------------------------------------------------------------

caf::result<void> cache_l3_state::start() {
  if (drains_)
    return is_draining();
  if (!std::exchange(started_, true)) {
    look();
    tick();
  }
  return startup_.start(self_);
}

caf::result<void> cache_l3_state::drain(const call_context& context) {
  draining_.emplace_back(self_);
  if (!std::exchange(drains_, true)) {
    options_.link->close();
    startup_.ended(is_draining());
    if (context.has_deadline())
      // Without a deadline those of the running calls are the bound.
      self_->timers().schedule(context.deadline, [this] { end_drain(); });
  }
  end_drain_if_idle();
  return reply<void>::pending();
}

void cache_l3_state::end_drain_if_idle() {
  if (drains_ && core_.idle())
    end_drain();
}

void cache_l3_state::end_drain() {
  core_.close(is_draining());
  for (auto& caller : std::exchange(draining_, {}))
    caller.deliver();
}

void cache_l3_state::tick() {
  metrics_->publish(core_.figures(), *options_.counters);
  if (!drains_)
    self_->timers().schedule_after(tick_interval, [this] { tick(); });
}

// -- the table ---------------------------------------------------------------------------

void cache_l3_state::look() {
  if (drains_ || std::exchange(looks_, true))
    return;
  created_ = false;
  ask_pool(core_.sql().look(), self_->now() + look_timeout,
           [this](caf::expected<pg_result> seen) { on_seen(std::move(seen)); });
}

void cache_l3_state::on_seen(caf::expected<pg_result> seen) {
  auto there = seen ? core_.sql().judge(*seen) : caf::expected<bool>{std::move(seen.error())};
  if (!there)
    return on_away(there.error());
  if (*there)
    return on_there();
  if (created_)
    return on_away(fail(errc::not_found, core_.sql().table() + " was made and is not there"));
  create();
}

void cache_l3_state::create() {
  created_ = true;
  ask_pool(core_.sql().create(), self_->now() + look_timeout,
           [this](caf::expected<pg_result> made) {
             if (!made)
               return on_away(made.error());
             options_.log->log("cache.l3", observe::log_level::info, "the table was made",
                               {{"table", core_.sql().table()}});
             ask_pool(core_.sql().look(), self_->now() + look_timeout,
                      [this](caf::expected<pg_result> seen) { on_seen(std::move(seen)); });
           });
}

void cache_l3_state::on_there() {
  looks_ = false;
  backoff_.reset();
  if (drains_ || core_.is_open())
    return;
  if (last_error_)
    options_.log->log("cache.l3", observe::log_level::info, "the table is back",
                      {{"table", core_.sql().table()}});
  last_error_ = {};
  core_.open();
  options_.link->up(core_);
  metrics_->set_up(true);
  startup_.succeeded();
}

void cache_l3_state::on_away(const caf::error& reason) {
  looks_ = false;
  if (drains_)
    return;
  // The first failure of the start is the supervisor's to tell.
  if (startup_.is_ready())
    options_.log->log("cache.l3", observe::log_level::error, "the table is out of reach",
                      {{"table", core_.sql().table()}, {"reason", detail(reason).what}});
  last_error_ = reason;
  options_.link->close();
  metrics_->set_up(false);
  startup_.failed(reason);
  self_->timers().schedule_after(backoff_.next(), [this] { look(); });
  core_.close(reason);
}

void cache_l3_state::suspect(const caf::error& reason) {
  if (!core_.is_open() || looks_ || drains_ || !tells_doubt(reason))
    return;
  if (tells_loss(reason))
    on_away(reason);
  else
    look();
}

// -- statements --------------------------------------------------------------------------

void cache_l3_state::flush_soon() {
  if (!std::exchange(flush_is_deferred_, true))
    self_->io().defer(*this);
}

void cache_l3_state::run_deferred() {
  // Keeps the actor alive, whatever the statements lead to.
  caf::strong_actor_ptr guard{self_->ctrl()};
  self_->enter([this] {
    flush_is_deferred_ = false;
    core_.flush();
    end_drain_if_idle();
  });
}

void cache_l3_state::execute(pg_statement what, time_point deadline, cache::l3_token token) {
  ask_pool(std::move(what), deadline,
           [this, token, sent = self_->now()](caf::expected<pg_result> result) {
             on_result(token, sent, std::move(result));
           });
}

void cache_l3_state::on_result(cache::l3_token token, time_point sent,
                               caf::expected<pg_result> result) {
  auto reason = result ? caf::error{} : result.error();
  if (!reason)
    metrics_->statement().record(self_->now() - sent);
  core_.on_result(token, std::move(result));
  if (reason)
    suspect(reason);
}

void cache_l3_state::ask_pool(pg_statement what, time_point deadline, on_rows then) {
  call_context context;
  context.deadline = deadline;
  pending_request{
      self_->mail(execute_atom_v, context, std::move(what)).request(options_.pool, caf::infinite)}
      .then([then](pg_result& rows) { then(std::move(rows)); },
            [then](caf::error reason) { then(std::move(reason)); });
}

// -- how it stands -------------------------------------------------------------------------

health_report cache_l3_state::health() const {
  health_report result;
  result.component = "cache.l3";
  result.status = core_.is_open() ? health_status::healthy : health_status::degraded;
  auto why = detail(last_error_).what;
  if (drains_)
    result.detail = "the cache's third level is shutting down";
  else if (!core_.is_open())
    result.detail = why.empty() ? "the table has not been looked at yet" : why;
  auto& x = core_.figures();
  result.fields = {
      {"table", core_.sql().table()},
      {"reachable", core_.is_open()},
      {"waiting_keys", static_cast<int64_t>(x.waiting_keys)},
      {"in_flight", static_cast<int64_t>(x.in_flight)},
      {"last_error", why},
  };
  return result;
}

stats_report cache_l3_state::stats() const {
  auto& x = core_.figures();
  auto& counted = options_.counters->counted;
  auto number = [](auto n) { return static_cast<int64_t>(n); };
  return {"cache.l3",
          {
              {"table", core_.sql().table()},
              {"reachable", core_.is_open()},
              {"hits", number(counted.hits)},
              {"misses", number(counted.misses)},
              {"errors", number(counted.errors)},
              {"timeouts", number(counted.timeouts)},
              {"corrupt", number(counted.corrupt)},
              {"writes", number(counted.writes)},
              {"writes.refused_older", number(counted.refused_older)},
              {"writes.in_doubt", number(x.in_doubt)},
              {"writes.repeated", number(x.repeated)},
              {"rows.erased", number(x.erased)},
              {"rows.cleaned", number(x.cleaned)},
              {"statements", number(x.statements)},
              {"statements.failed", number(x.failed_statements)},
              {"statements.in_flight", number(x.in_flight)},
              {"waiting.keys", number(x.waiting_keys)},
              {"waiting.bytes", number(x.waiting_bytes)},
              {"overloaded", number(x.overloaded)},
          }};
}

cache_l3_state::actor_type spawn_cache_l3(event_loop& loop, cache_l3_options options) {
  return spawn_on<cache_l3_state>(loop, std::move(options));
}

} // namespace dbs
