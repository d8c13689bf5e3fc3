// The connection of a listener: making it, asking it to LISTEN, and whether it lives.
#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/postgres/batch_rules.hpp"
#include "dbs/runtime/postgres/listener_core.hpp"
#include "dbs/runtime/postgres/pool_errors.hpp"

#include <algorithm>
#include <utility>

namespace dbs::postgres {

namespace {

/// Which statement of a batch has failed.
size_t failed_statement(const caf::error& reason) {
  for (auto& x : detail(reason).fields)
    if (x.name == statement_field(0).name)
      return static_cast<size_t>(std::get<int64_t>(x.value));
  return 0;
}

} // namespace

void listener_core::work() {
  if (draining_)
    return;
  if (wanted_ == 0)
    close();
  else if (conn_ == nullptr)
    connect();
  else if (connected_ && running_ == task::none)
    send_changes();
}

void listener_core::connect() {
  if (gate_.waits(timers_.now())) {
    if (!retry_timer_)
      retry_timer_ = timers_.schedule(gate_.retry_at(), [this] {
        retry_timer_ = {};
        work();
      });
    return;
  }
  conn_ = make_(*this);
  conn_->connect();
}

void listener_core::on_connected(connection& conn) {
  connected_ = true;
  heard_ = timers_.now();
  owner_.on_notice(listener_event::connected, conn, {});
  work();
  watch();
}

void listener_core::on_connect_failed(connection&, caf::error reason) {
  if (is_permanent_refusal(reason))
    refuse_waiters(fail(errc::connection_lost, detail(reason)));
  drop(listener_event::connect_failed, std::move(reason));
}

void listener_core::on_lost(connection&, caf::error reason) {
  drop(listener_event::lost, std::move(reason));
}

void listener_core::drop(listener_event event, caf::error reason) {
  owner_.on_notice(event, *conn_, reason);
  last_error_ = std::move(reason);
  gate_.failed(timers_.now(), false);
  close();
  work();
}

void listener_core::close() {
  timers_.cancel(retry_timer_);
  timers_.cancel(answer_timer_);
  timers_.cancel(quiet_timer_);
  connected_ = false;
  running_ = task::none;
  changes_.clear();
  for (auto& [name, state] : channels_)
    state.heard = state.changing = false;
  forget_unused();
  conn_.reset();
}

void listener_core::forget_unused() {
  std::erase_if(channels_, [](const auto& x) {
    return x.second.sinks.empty() && !x.second.heard && !x.second.changing;
  });
}

// -- what it is asked to do ---------------------------------------------------------

void listener_core::start(task what) {
  running_ = what;
  started_ = timers_.now();
  answer_timer_ = timers_.schedule_after(limits_.answer_timeout, [this] {
    answer_timer_ = {};
    drop(listener_event::lost, fail(errc::connection_lost, "the server has not answered within " +
                                                               pretty(limits_.answer_timeout)));
  });
}

void listener_core::send_changes() {
  std::vector<pg_statement> batch;
  for (auto& [name, state] : channels_) {
    auto wanted = !state.sinks.empty();
    if (state.heard == wanted)
      continue;
    state.changing = true;
    changes_.push_back({name, wanted});
    batch.push_back({(wanted ? "LISTEN " : "UNLISTEN ") + state.quoted, {}, false});
  }
  if (batch.empty())
    return;
  start(task::changes);
  conn_->execute_batch(batch);
}

void listener_core::on_result(connection&, caf::expected<pg_result> result) {
  heard_ = timers_.now();
  if (!result && breaks_connection(result.error()))
    return; // on_lost follows
  timers_.cancel(answer_timer_);
  auto what = std::exchange(running_, task::none);
  if (!result && what == task::changes)
    take_refusal(result.error());
  else if (!result)
    drop(listener_event::lost, std::move(result.error()));
  else if (what == task::changes)
    take_changes();
  else
    owner_.on_heartbeat(std::chrono::duration_cast<caf::timespan>(heard_ - started_));
  work();
  watch();
}

void listener_core::take_changes() {
  gate_.succeeded();
  last_error_.reset();
  for (auto& x : std::exchange(changes_, {})) {
    auto where = channels_.find(x.channel);
    auto& state = where->second;
    state.changing = false;
    if (x.listen) {
      in_effect(where->first, state);
    } else {
      state.heard = false;
      if (state.sinks.empty())
        channels_.erase(where);
    }
  }
}

void listener_core::take_refusal(const caf::error& reason) {
  auto refused = changes_.at(std::min(failed_statement(reason), changes_.size() - 1));
  auto where = channels_.find(refused.channel);
  auto& sinks = where->second.sinks;
  auto established =
      std::any_of(sinks.begin(), sinks.end(), [](const auto& x) { return x.second.established; });
  if (!refused.listen || established) {
    // It has worked before: another session, or another server, may do it again.
    drop(listener_event::lost, reason);
    return;
  }
  for (auto& x : std::exchange(changes_, {}))
    channels_.find(x.channel)->second.changing = false;
  std::vector<owner_id> refused_sinks;
  for (auto& x : sinks)
    refused_sinks.push_back(x.first);
  for (auto sink : refused_sinks)
    end(where, sink, reason);
  // Also the channels whose sinks have gone meanwhile: nothing else will come for them.
  forget_unused();
}

// -- whether it lives ---------------------------------------------------------------

void listener_core::watch() {
  timers_.cancel(quiet_timer_);
  if (connected_ && running_ == task::none)
    quiet_timer_ = timers_.schedule(heard_ + limits_.heartbeat, [this] { on_quiet(); });
}

void listener_core::on_quiet() {
  quiet_timer_ = {};
  if (running_ != task::none)
    return; // whose answer goes on from here
  if (heard_ + limits_.heartbeat > timers_.now())
    return watch();
  start(task::heartbeat);
  conn_->command("SELECT 1");
}

// -- what it never does -------------------------------------------------------------

void listener_core::on_part(connection&, pg_result) {
  // LISTEN has nothing to say
}

void listener_core::on_chunk(connection&, pg_chunk) {
  // there are no transfers
}

void listener_core::on_cancel_settled(connection&) {
  // nothing is cancelled
}

} // namespace dbs::postgres
