#include "dbs/actors/postgres_pool/postgres_pool.hpp"

#include "dbs/actors/postgres_pool/reports.hpp"
#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/caf/actor_name.hpp"
#include "dbs/runtime/postgres/libpq_connection.hpp"

#include <algorithm>
#include <limits>
#include <random>

namespace dbs {

namespace {

constexpr caf::timespan tick_interval = std::chrono::seconds{1};

/// How long the server may take for the probe before the pool is called unhealthy.
constexpr caf::timespan probe_timeout = std::chrono::seconds{2};

/// A pool without an idle connection cannot be probed. It is called degraded if no
/// statement has succeeded for this time either.
constexpr caf::timespan busy_limit = probe_timeout + tick_interval;

} // namespace

postgres_pool_state::postgres_pool_state(loop_actor<actor_type>* self,
                                         postgres_pool_options options)
    : self_(self), options_(std::move(options)), metrics_(options_.metrics, options_.id),
      environment_(self), owners_(self, [this](owner_id owner) {
        owner_names_.erase(owner);
        core_->owner_down(owner);
      }) {
  if (!options_.make_connection)
    options_.make_connection = [this](postgres::connection_environment& environment,
                                      postgres::connection_observer& observer) {
      return postgres::make_libpq_connection(environment, options_.settings, observer);
    };
}

postgres_pool_state::~postgres_pool_state() = default;

postgres_pool_state::actor_type::behavior_type postgres_pool_state::make_behavior() {
  // The pool counts them, says how it stands, and releases a lease however late it is.
  self_->answer_late_requests();
  postgres::pool_options options;
  options.incarnation = static_cast<uint32_t>(std::random_device{}());
  core_ = std::make_unique<postgres::pool_core>(
      options_.settings, options,
      [this](postgres::connection_observer& observer) {
        return options_.make_connection(environment_, observer);
      },
      self_->timers(), static_cast<postgres::pool_client&>(*this),
      static_cast<postgres::pool_listener&>(*this));
  return {
      // -- postgres_pool_actor
      [this](execute_atom, const call_context& context, pg_statement& statement) {
        return execute(context, std::move(statement));
      },
      [this](execute_atom, const call_context& context, pg_lease_statement& statement) {
        return execute(context, std::move(statement));
      },
      [this](execute_atom, const call_context& context, pg_batch& batch) {
        return execute(context, std::move(batch));
      },
      [this](checkout_atom, const call_context& context, const pg_checkout& request) {
        return checkout(context, request);
      },
      [this](release_atom, const call_context&, pg_lease lease) {
        return with_reply([&](request_token token) { core_->release(token, lease); });
      },
      [this](begin_atom, const call_context& context, const pg_transaction& request) {
        return with_reply(
            [&](request_token token) { core_->begin(token, request, context.deadline); });
      },
      [this](commit_atom, const call_context& context, pg_lease lease) {
        return with_reply(
            [&](request_token token) { core_->commit(token, lease, context.deadline); });
      },
      [this](rollback_atom, const call_context& context, pg_lease lease) {
        return with_reply(
            [&](request_token token) { core_->rollback(token, lease, context.deadline); });
      },
      [this](savepoint_atom, const call_context& context, const pg_savepoint& request) {
        return with_reply(
            [&](request_token token) { core_->savepoint(token, request, context.deadline); });
      },
      [this](transfer_atom, const call_context& context, pg_transfer& step) {
        return transfer(context, std::move(step));
      },
      [this](report_atom, const call_context&) { return report(); },
      [this](holders_atom, const call_context&) { return holders(); },
      // -- manager_control_actor
      [this](start_atom, const call_context&) { return start(); },
      [this](ready_atom, const call_context&) { return startup_.ready(self_); },
      [this](drain_atom, const call_context& context) { return drain(context); },
      [this](health_atom, const call_context&) { return health(); },
      [this](stats_atom, const call_context&) {
        return stats_report{options_.id, to_fields(report())};
      },
      [this](resize_atom, const call_context&, const resize_request& request) {
        return resize(request);
      },
  };
}

// -- requests ----------------------------------------------------------------------

postgres_pool_state::owner_id postgres_pool_state::sender_id() const {
  auto& sender = self_->current_sender();
  return sender ? owners_.id_of(sender) : 0;
}

postgres_pool_state::owner_id postgres_pool_state::watched_sender() {
  auto& sender = self_->current_sender();
  if (!sender)
    return 0;
  auto owner = owners_.watch(sender);
  if (!owner_names_.contains(owner))
    owner_names_.emplace(owner, actor_name(sender));
  return owner;
}

caf::result<pg_result> postgres_pool_state::execute(const call_context& context,
                                                    pg_statement statement) {
  auto token = results_.put(reply<pg_result>{self_});
  core_->execute(token, sender_id(), std::move(statement), context.deadline);
  return reply<pg_result>::pending();
}

caf::result<pg_result> postgres_pool_state::execute(const call_context& context,
                                                    pg_lease_statement statement) {
  auto token = results_.put(reply<pg_result>{self_});
  core_->execute(token, std::move(statement), context.deadline);
  return reply<pg_result>::pending();
}

caf::result<std::vector<pg_result>> postgres_pool_state::execute(const call_context& context,
                                                                 pg_batch batch) {
  auto token = batches_.put(reply<std::vector<pg_result>>{self_});
  core_->execute(token, std::move(batch), context.deadline);
  return reply<std::vector<pg_result>>::pending();
}

caf::result<pg_chunk> postgres_pool_state::transfer(const call_context& context, pg_transfer step) {
  auto token = chunks_.put(reply<pg_chunk>{self_});
  core_->transfer(token, std::move(step), context.deadline);
  return reply<pg_chunk>::pending();
}

caf::result<pg_lease> postgres_pool_state::checkout(const call_context& context,
                                                    const pg_checkout& request) {
  auto owner = watched_sender();
  if (owner == 0)
    return fail(errc::invalid_argument, "a checkout needs a sender, who owns the lease");
  auto token = leases_.put(reply<pg_lease>{self_});
  core_->checkout(token, owner, request, context.deadline);
  return reply<pg_lease>::pending();
}

template <class Call>
caf::result<void> postgres_pool_state::with_reply(Call call) {
  call(acknowledgements_.put(reply<void>{self_}));
  return reply<void>::pending();
}

void postgres_pool_state::on_result(request_token token, caf::expected<pg_result> result) {
  results_.answer(token, std::move(result));
}

void postgres_pool_state::on_results(request_token token,
                                     caf::expected<std::vector<pg_result>> results) {
  batches_.answer(token, std::move(results));
}

void postgres_pool_state::on_chunk(request_token token, caf::expected<pg_chunk> chunk) {
  chunks_.answer(token, std::move(chunk));
}

void postgres_pool_state::on_lease(request_token token, caf::expected<pg_lease> lease) {
  leases_.answer(token, std::move(lease));
}

void postgres_pool_state::on_done(request_token token, caf::error reason) {
  if (token == probe_token)
    return on_probed(std::move(reason));
  auto answer = acknowledgements_.take(token);
  if (reason)
    answer.deliver(std::move(reason));
  else
    answer.deliver();
}

// -- control -----------------------------------------------------------------------

caf::result<void> postgres_pool_state::start() {
  if (!started_) {
    started_ = true;
    core_->start();
    metrics_.publish(report(), self_->now());
    self_->timers().schedule_after(tick_interval, [this] { tick(); });
  }
  return startup_.start(self_);
}

caf::result<void> postgres_pool_state::drain(const call_context& context) {
  waiting_for_drain_.emplace_back(self_);
  core_->drain(context.deadline);
  return reply<void>::pending();
}

caf::result<void> postgres_pool_state::resize(const resize_request& request) {
  auto stats = core_->stats();
  auto size = stats.pool_size;
  auto overflow = stats.max_overflow;
  if (request.size < 0 || request.size > std::numeric_limits<uint32_t>::max())
    return fail(errc::invalid_argument,
                request.what + " must not be " + std::to_string(request.size));
  if (request.what == "pool_size")
    size = static_cast<uint32_t>(request.size);
  else if (request.what == "max_overflow")
    overflow = static_cast<uint32_t>(request.size);
  else
    return fail(errc::invalid_argument,
                "the pool has no size '" + request.what + "'; it has pool_size and max_overflow");
  if (auto refused = core_->resize(size, overflow))
    return refused;
  options_.log->log(options_.id, observe::log_level::info, "resized",
                    {{"pool_size", int64_t{size}}, {"max_overflow", int64_t{overflow}}});
  return caf::unit;
}

void postgres_pool_state::on_ready() {
  probed_ = self_->now();
  startup_.succeeded();
}

void postgres_pool_state::on_first_failure(const caf::error& reason) {
  startup_.failed(reason);
}

void postgres_pool_state::on_drained() {
  for (auto& answer : waiting_for_drain_)
    answer.deliver();
  waiting_for_drain_.clear();
}

// -- watching ----------------------------------------------------------------------

void postgres_pool_state::tick() {
  auto now = self_->now();
  metrics_.publish(report(), now);
  if (core_->last_success() + tick_interval > now)
    probe_error_.reset();
  else if (!probing_)
    probing_ = core_->probe(probe_token, now + probe_timeout);
  self_->timers().schedule_after(tick_interval, [this] { tick(); });
}

void postgres_pool_state::on_probed(caf::error reason) {
  probing_ = false;
  probe_error_ = std::move(reason);
  if (!probe_error_)
    probed_ = self_->now();
}

pool_stats postgres_pool_state::report() const {
  auto result = core_->stats();
  metrics_.complete(result);
  return result;
}

std::vector<pg_holder> postgres_pool_state::holders() const {
  auto result = core_->holders(self_->now());
  for (auto& x : result)
    if (auto i = owner_names_.find(x.owner); i != owner_names_.end())
      x.owner_name = i->second;
  return result;
}

health_report postgres_pool_state::health() const {
  auto stats = report();
  health_report result{options_.id, health_status::healthy, {}, to_health_fields(stats)};
  if (!core_->connected()) {
    result.status = health_status::unhealthy;
    result.detail = !stats.last_connect_error.empty() ? stats.last_connect_error
                    : probe_error_ ? "the last probe failed: " + describe(probe_error_)
                                   : "not connected yet";
  } else if (probe_error_) {
    // A single connection that broke says little about the server.
    result.status = postgres::breaks_connection(probe_error_) ? health_status::degraded
                                                              : health_status::unhealthy;
    result.detail = "the last probe failed: " + describe(probe_error_);
  } else if (stats.idle == 0 &&
             std::max(probed_, core_->last_success()) + busy_limit < self_->now()) {
    result.status = health_status::degraded;
    result.detail = "all connections are busy, and no statement has succeeded for " +
                    postgres::pretty(busy_limit);
  } else if (stats.leaks > 0) {
    result.status = health_status::degraded;
    result.detail = std::to_string(stats.leaks) + " leases are held for too long";
  } else if (stats.waiting > stats.max_waiting / 2) {
    result.status = health_status::degraded;
    result.detail = std::to_string(stats.waiting) + " of at most " +
                    std::to_string(stats.max_waiting) + " requests wait";
  }
  return result;
}

void postgres_pool_state::on_notice(const postgres::pool_notice& notice) {
  using postgres::pool_event;
  auto level = observe::log_level::warning;
  if (notice.event == pool_event::connected || notice.event == pool_event::resets)
    level = observe::log_level::debug;
  if (!options_.log->enabled(level))
    return;
  std::vector<field> fields;
  if (notice.conn != nullptr)
    fields.push_back({"endpoint", notice.conn->endpoint()});
  if (notice.reason != nullptr)
    fields.push_back({"reason", describe(*notice.reason)});
  if (notice.holder != nullptr) {
    auto owner = owner_names_.find(notice.holder->owner);
    fields.push_back({"owner", static_cast<int64_t>(notice.holder->owner)});
    fields.push_back({"owner_name", owner != owner_names_.end() ? owner->second : ""});
    fields.push_back({"age_ms", notice.holder->age.count() / 1'000'000});
    fields.push_back({"statement", notice.holder->statement});
  }
  options_.log->log(options_.id, level, postgres::name_of(notice.event), fields);
}

void postgres_pool_state::record_acquire(caf::timespan duration) {
  metrics_.acquire().record(duration);
}

void postgres_pool_state::record_query(caf::timespan duration) {
  metrics_.query().record(duration);
}

void postgres_pool_state::record_hold(caf::timespan duration) {
  metrics_.hold().record(duration);
}

postgres_pool_state::actor_type spawn_postgres_pool(event_loop& loop,
                                                    postgres_pool_options options) {
  return spawn_on<postgres_pool_state>(loop, std::move(options));
}

} // namespace dbs
