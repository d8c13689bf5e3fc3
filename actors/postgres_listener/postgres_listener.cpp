#include "dbs/actors/postgres_listener/postgres_listener.hpp"

#include "dbs/actors/postgres_listener/internal/listener_metrics.hpp"
#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/caf/actor_name.hpp"
#include "dbs/runtime/postgres/libpq_connection.hpp"

#include <random>

namespace dbs {

postgres_listener_state::postgres_listener_state(loop_actor<actor_type>* self,
                                                 postgres_listener_options options)
    : self_(self), options_(std::move(options)),
      metrics_(std::make_unique<internal::listener_metrics>(*options_.metrics)), environment_(self),
      owners_(self,
              [this](owner_id sink) {
                core_.sink_down(sink);
                publish();
              }),
      core_(
          options_.settings, options_.limits,
          [this](postgres::connection_observer& observer) {
            return options_.make_connection
                       ? options_.make_connection(environment_, observer)
                       : postgres::make_libpq_connection(environment_, options_.settings, observer);
          },
          self->timers(), *this, std::random_device{}()) {}

postgres_listener_state::~postgres_listener_state() = default;

postgres_listener_state::actor_type::behavior_type postgres_listener_state::make_behavior() {
  return {
      [this](listen_atom, const call_context& context, const std::string& channel) {
        return listen(context, channel);
      },
      [this](unlisten_atom, const call_context&, const std::string& channel) {
        return unlisten(channel);
      },
      [this](start_atom, const call_context&) { return start(); },
      [this](ready_atom, const call_context&) { return startup_.ready(self_); },
      [this](drain_atom, const call_context&) { return drain(); },
      [this](health_atom, const call_context&) { return health(); },
      [this](stats_atom, const call_context&) {
        return stats_report{options_.id, fields()};
      },
      [](resize_atom, const call_context&, const resize_request& request) -> caf::result<void> {
        return fail(errc::invalid_argument, "the listener has no size '" + request.what + "'");
      },
  };
}

// -- requests ----------------------------------------------------------------------

caf::result<void> postgres_listener_state::listen(const call_context& context,
                                                  const std::string& channel) {
  auto& sender = self_->current_sender();
  if (!sender)
    return fail(errc::invalid_argument, "listen needs a sender, who gets the events");
  auto sink = owners_.watch(sender);
  sinks_.try_emplace(sink, caf::actor_cast<caf::actor>(sender));
  core_.listen(replies_.put(reply<void>{self_}), sink, channel, context.deadline);
  if (!core_.knows(sink))
    sinks_.erase(sink);
  publish();
  return reply<void>::pending();
}

caf::result<void> postgres_listener_state::unlisten(const std::string& channel) {
  if (auto& sender = self_->current_sender())
    core_.unlisten(owners_.id_of(sender), channel);
  publish();
  return caf::unit;
}

void postgres_listener_state::on_done(request_token token, caf::error reason) {
  auto answer = replies_.take(token);
  if (reason)
    answer.deliver(std::move(reason));
  else
    answer.deliver();
  publish();
}

// -- sinks -------------------------------------------------------------------------

void postgres_listener_state::on_subscribed(owner_id sink, const std::string& channel) {
  (*options_.subscriptions)[sinks_.at(sink)].insert(channel);
}

void postgres_listener_state::on_unsubscribed(owner_id sink, const std::string& channel) {
  auto entry = options_.subscriptions->find(sinks_.at(sink));
  entry->second.erase(channel);
  if (entry->second.empty())
    options_.subscriptions->erase(entry);
}

void postgres_listener_state::on_sink_gone(owner_id sink) {
  sinks_.erase(sink);
}

void postgres_listener_state::on_event(owner_id sink, const pg_event& event) {
  metrics_->delivered->add();
  if (event.kind == pg_event_kind::gap)
    metrics_->gaps->add();
  self_->mail(event)
      .request(sinks_.at(sink), caf::infinite)
      .then([this, sink] { on_answer(sink, {}); },
            [this, sink](const caf::error& reason) { on_answer(sink, reason); });
  publish();
}

void postgres_listener_state::on_answer(owner_id sink, const caf::error& reason) {
  // One that has ended is no news: `owners_` knows.
  if (reason && reason != caf::sec::request_receiver_down && sinks_.contains(sink)) {
    metrics_->refused->add();
    options_.log->log(options_.id, observe::log_level::warning, "a sink has refused an event",
                      {{"sink", sink_name(sink)}, {"reason", describe(reason)}});
  }
  core_.acknowledge(sink);
  publish();
}

void postgres_listener_state::on_dropped(owner_id sink, bool first) {
  metrics_->dropped->add();
  if (first)
    options_.log->log(
        options_.id, observe::log_level::warning, "a sink is slow and misses notifications",
        {{"sink", sink_name(sink)}, {"window", static_cast<int64_t>(options_.limits.window)}});
}

std::string postgres_listener_state::sink_name(owner_id sink) const {
  return actor_name(caf::actor_cast<caf::strong_actor_ptr>(sinks_.at(sink))) + "#" +
         std::to_string(sink);
}

// -- the connection ----------------------------------------------------------------

void postgres_listener_state::on_notification() {
  metrics_->notifications->add();
}

void postgres_listener_state::on_notice(postgres::listener_event event,
                                        const postgres::connection& conn,
                                        const caf::error& reason) {
  using postgres::listener_event;
  std::vector<field> about{{"endpoint", conn.endpoint()}};
  if (reason)
    about.push_back({"reason", describe(reason)});
  switch (event) {
  case listener_event::connected:
    metrics_->connects->add();
    options_.log->log(options_.id, observe::log_level::info, "connected", about);
    break;
  case listener_event::connect_failed:
    options_.log->log(options_.id, observe::log_level::warning, "connect_failed", about);
    break;
  case listener_event::lost:
    metrics_->lost->add();
    options_.log->log(options_.id, observe::log_level::warning, "lost", about);
    break;
  }
  publish();
}

void postgres_listener_state::on_heartbeat(caf::timespan took) {
  metrics_->heartbeat->record(took);
}

// -- control -----------------------------------------------------------------------

caf::result<void> postgres_listener_state::start() {
  if (!startup_.is_ready()) {
    startup_.succeeded();
    for (auto& [actor, channels] : *options_.subscriptions) {
      auto sink = owners_.watch(caf::actor_cast<caf::strong_actor_ptr>(actor));
      sinks_.try_emplace(sink, actor);
      for (auto& channel : channels)
        core_.restore(sink, channel);
    }
    publish();
  }
  return startup_.start(self_);
}

caf::result<void> postgres_listener_state::drain() {
  core_.drain();
  publish();
  return caf::unit;
}

std::vector<field> postgres_listener_state::fields() const {
  auto number = [](auto x) { return static_cast<int64_t>(x); };
  auto figures = core_.figures();
  return {
      {"connected", figures.connected},
      {"channels", number(figures.channels)},
      {"channels_heard", number(core_.heard())},
      {"subscriptions", number(figures.subscriptions)},
      {"waiting", number(figures.waiting)},
      {"unanswered", number(figures.unanswered)},
      {"notifications", number(metrics_->notifications->value())},
      {"delivered", number(metrics_->delivered->value())},
      {"gaps", number(metrics_->gaps->value())},
      {"dropped", number(metrics_->dropped->value())},
      {"refused", number(metrics_->refused->value())},
      {"connections.opened", number(metrics_->connects->value())},
      {"connections.lost", number(metrics_->lost->value())},
      {"last_heard_ms", figures.connected
                            ? number((self_->now() - core_.last_heard()).count() / 1'000'000)
                            : int64_t{-1}},
      {"last_error", detail(core_.last_error()).what},
  };
}

health_report postgres_listener_state::health() const {
  health_report result{options_.id, health_status::healthy, {}, fields()};
  if (core_.heard() < core_.figures().channels) {
    result.status = health_status::degraded;
    result.detail = core_.last_error()
                        ? "notifications are not heard: " + detail(core_.last_error()).what
                        : "LISTEN is not in effect yet";
  }
  return result;
}

void postgres_listener_state::publish() {
  metrics_->publish(core_.figures());
}

postgres_listener_state::actor_type spawn_postgres_listener(event_loop& loop,
                                                            postgres_listener_options options) {
  return spawn_on<postgres_listener_state>(loop, std::move(options));
}

} // namespace dbs
