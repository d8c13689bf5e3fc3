// Subscriptions and events.
#include "dbs/runtime/postgres/listener_core.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/postgres/identifier.hpp"
#include "dbs/runtime/postgres/pool_errors.hpp"

#include <algorithm>
#include <utility>

namespace dbs::postgres {

namespace {

caf::error too_many(const char* what, size_t limit) {
  return fail(errc::overloaded, "there may be no more " + std::string{what},
              {{"limit", static_cast<int64_t>(limit)}});
}

} // namespace

listener_core::listener_core(const database_settings& settings, const listener_limits& limits,
                             connection_factory make, timer_queue& timers, listener_owner& owner,
                             uint64_t seed)
    : settings_(settings), limits_(limits), make_(std::move(make)), timers_(timers), owner_(owner),
      gate_(seed) {}

listener_core::~listener_core() = default;

listener_figures listener_core::figures() const {
  return {wanted_, subscriptions_, waiting_, unanswered_, connected_};
}

size_t listener_core::heard() const {
  return static_cast<size_t>(std::count_if(channels_.begin(), channels_.end(), [](const auto& x) {
    return x.second.heard && !x.second.sinks.empty();
  }));
}

// -- subscriptions ------------------------------------------------------------------

caf::expected<std::string> listener_core::admit(owner_id sink, const std::string& channel) const {
  if (draining_)
    return fail(errc::draining, "the listener is shutting down");
  if (settings_.transaction_pooler)
    return fail(errc::invalid_argument,
                "LISTEN is bound to a session, and a transaction pooler "
                "(database.transaction_pooler) lends one for a transaction only");
  auto quoted = quote_identifier("the name of a channel", channel);
  if (!quoted)
    return quoted;
  auto known = channels_.find(channel);
  auto fresh = known == channels_.end() || known->second.sinks.empty();
  if (fresh && wanted_ >= limits_.channels)
    return too_many("channels", limits_.channels);
  if (subscriptions_ >= limits_.subscriptions && (fresh || !known->second.sinks.contains(sink)))
    return too_many("subscriptions", limits_.subscriptions);
  if (waiting_ >= limits_.subscriptions)
    return too_many("requests that wait for LISTEN", limits_.subscriptions);
  return quoted;
}

void listener_core::listen(request_token token, owner_id sink, const std::string& channel,
                           time_point deadline) {
  auto quoted = admit(sink, channel);
  if (!quoted)
    return owner_.on_done(token, std::move(quoted.error()));
  auto& what = subscribe(sink, channel, std::move(*quoted));
  auto& state = channels_.find(channel)->second;
  if (state.heard && !state.changing) {
    establish(sink, channel, what);
    return owner_.on_done(token, {});
  }
  auto patience = timers_.now() + settings_.acquire_timeout;
  auto code = deadline <= patience ? errc::deadline_exceeded : errc::connection_lost;
  auto timer = timers_.schedule(std::min(deadline, patience), [this, token, sink, channel, code] {
    give_up(token, sink, channel, code);
  });
  what.waiters.push_back({token, timer});
  ++waiting_;
  work();
}

void listener_core::restore(owner_id sink, const std::string& channel) {
  auto quoted = quote_identifier("the name of a channel", channel);
  if (!quoted)
    return; // was never a subscription
  subscribe(sink, channel, std::move(*quoted)).established = true;
  work();
}

listener_core::subscription& listener_core::subscribe(owner_id sink, const std::string& channel,
                                                      std::string quoted) {
  auto& state = channels_[channel];
  state.quoted = std::move(quoted);
  auto [entry, fresh] = state.sinks.try_emplace(sink);
  if (fresh) {
    ++subscriptions_;
    ++sinks_[sink].channels;
    if (state.sinks.size() == 1)
      ++wanted_;
  }
  return entry->second;
}

void listener_core::establish(owner_id sink, const std::string& channel, subscription& what) {
  if (!std::exchange(what.established, true))
    owner_.on_subscribed(sink, channel);
}

void listener_core::give_up(request_token token, owner_id sink, const std::string& channel,
                            errc code) {
  auto where = channels_.find(channel);
  auto& what = where->second.sinks.at(sink);
  std::erase_if(what.waiters, [token](const waiter& x) { return x.token == token; });
  --waiting_;
  auto why = code == errc::deadline_exceeded
                 ? std::string{"LISTEN was not in effect by the deadline"}
                 : "LISTEN was not in effect within " + pretty(settings_.acquire_timeout);
  if (last_error_)
    why += "; the connection: " + detail(last_error_).what;
  if (!what.established && what.waiters.empty())
    end(where, sink, {});
  owner_.on_done(token, fail(code, std::move(why)));
  work();
}

void listener_core::answer(subscription& what, const caf::error& reason) {
  for (auto& x : std::exchange(what.waiters, {})) {
    timers_.cancel(x.timer);
    --waiting_;
    owner_.on_done(x.token, reason);
  }
}

void listener_core::end(channel_map::iterator channel, owner_id sink, const caf::error& reason) {
  auto& [name, state] = *channel;
  auto ended = state.sinks.extract(sink);
  --subscriptions_;
  if (state.sinks.empty())
    --wanted_;
  auto known = sinks_.find(sink);
  auto& left = known->second;
  --left.channels;
  left.owed.erase(name);
  if (ended.mapped().established)
    owner_.on_unsubscribed(sink, name);
  answer(ended.mapped(), reason);
  if (left.channels == 0 && left.unanswered == 0) {
    sinks_.erase(known);
    owner_.on_sink_gone(sink);
  }
  if (state.sinks.empty() && !state.heard && !state.changing)
    channels_.erase(channel);
}

void listener_core::unlisten(owner_id sink, const std::string& channel) {
  auto where = channels_.find(channel);
  if (where == channels_.end() || !where->second.sinks.contains(sink))
    return;
  end(where, sink, fail(errc::invalid_argument, "unlisten came before LISTEN was in effect"));
  work();
}

void listener_core::sink_down(owner_id sink) {
  auto known = sinks_.find(sink);
  if (known == sinks_.end())
    return;
  unanswered_ -= std::exchange(known->second.unanswered, 0);
  if (known->second.channels == 0) {
    sinks_.erase(known);
    owner_.on_sink_gone(sink);
    return;
  }
  auto gone = fail(errc::invalid_argument, "the sink has ended");
  for (auto i = channels_.begin(); i != channels_.end();)
    if (auto where = i++; where->second.sinks.contains(sink))
      end(where, sink, gone);
  work();
}

void listener_core::refuse_waiters(const caf::error& reason) {
  std::vector<std::pair<channel_map::iterator, owner_id>> refused;
  for (auto i = channels_.begin(); i != channels_.end(); ++i)
    for (auto& [sink, what] : i->second.sinks)
      if (what.established)
        answer(what, reason);
      else
        refused.emplace_back(i, sink);
  for (auto& [where, sink] : refused)
    end(where, sink, reason);
}

void listener_core::drain() {
  draining_ = true;
  refuse_waiters(fail(errc::draining, "the listener is shutting down"));
  close();
}

// -- events -------------------------------------------------------------------------

void listener_core::on_notification(connection&, std::string_view channel, std::string_view payload,
                                    int backend_pid) {
  heard_ = timers_.now();
  owner_.on_notification();
  auto where = channels_.find(channel);
  if (where == channels_.end())
    return;
  auto& [name, state] = *where;
  // It may come before the answer to its LISTEN, which is in effect then.
  if (!state.heard)
    in_effect(name, state);
  pg_event event{pg_event_kind::notification, name, blob{payload}, backend_pid};
  for (auto& [sink, what] : state.sinks)
    if (what.established)
      give(sink, event);
}

void listener_core::in_effect(const std::string& name, channel_state& channel) {
  auto again = !std::exchange(channel.heard, true);
  pg_event gap{pg_event_kind::gap, name, {}, 0};
  for (auto& [sink, what] : channel.sinks) {
    if (what.established && again)
      give(sink, gap);
    establish(sink, name, what);
    answer(what, {});
  }
}

void listener_core::give(owner_id sink, const pg_event& event) {
  auto& state = sinks_.at(sink);
  auto keeps_up = state.owed.empty();
  if (keeps_up && state.unanswered < limits_.window) {
    ++state.unanswered;
    ++unanswered_;
    owner_.on_event(sink, event);
    return;
  }
  state.owed.insert(event.channel);
  if (event.kind == pg_event_kind::notification)
    owner_.on_dropped(sink, keeps_up);
}

void listener_core::acknowledge(owner_id sink) {
  auto known = sinks_.find(sink);
  if (known == sinks_.end())
    return;
  auto& state = known->second;
  --state.unanswered;
  --unanswered_;
  // Not with the first answer: under a steady load it would hear of nothing but gaps.
  if (state.unanswered <= limits_.window / 2)
    pay_gaps(sink, state);
  if (state.channels == 0 && state.unanswered == 0) {
    sinks_.erase(known);
    owner_.on_sink_gone(sink);
  }
}

void listener_core::pay_gaps(owner_id sink, sink_state& state) {
  while (!state.owed.empty() && state.unanswered < limits_.window) {
    auto channel = std::move(state.owed.extract(state.owed.begin()).value());
    ++state.unanswered;
    ++unanswered_;
    owner_.on_event(sink, {pg_event_kind::gap, std::move(channel), {}, 0});
  }
}

} // namespace dbs::postgres
