// Numbers and lists for people, metrics and error messages.
#include "dbs/runtime/observe/mask.hpp"
#include "dbs/runtime/postgres/pool_core.hpp"
#include "dbs/runtime/postgres/pool_sql.hpp"

#include <algorithm>
#include <utility>

namespace dbs::postgres {

namespace {

constexpr std::array<std::string_view, static_cast<size_t>(last_pool_event) + 1> event_names{{
    "statements",
    "shared",
    "shared_slow",
    "checkouts",
    "releases",
    "acquire_timeouts",
    "nested_refused",
    "rollbacks",
    "resets",
    "closed_overflow",
    "closed_idle",
    "closed_lifetime",
    "closed_role_change",
    "closed_shrink",
    "connected",
    "connect_failed",
    "lost",
    "lease_lost",
    "leak",
    "reclaimed",
    "cancel",
    "quarantine_timeout",
    "cleanup_failed",
    "stale_plan",
    "role_change",
    "retried",
}};

/// Those that callers of the pool meet: their counters are there from the start.
constexpr std::array known_errors{
    errc::restarted,        errc::draining,          errc::deadline_exceeded, errc::overloaded,
    errc::pool_exhausted,   errc::in_doubt,          errc::connection_lost,   errc::query_failed,
    errc::invalid_argument, errc::payload_too_large, errc::peer_unavailable};

/// The oldest statement whose caller waits, or null.
const pool_request* served(const pool_slot& s) {
  auto found = std::find_if(s.running.begin(), s.running.end(),
                            [](const pool_request& r) { return !r.refused; });
  return found != s.running.end() ? &*found : nullptr;
}

bool runs_probe(const pool_slot& s) {
  auto* r = served(s);
  return s.phase == slot_phase::statement && r != nullptr && r->kind == request_kind::probe;
}

bool serves_somebody(const pool_slot& s) {
  return s.phase == slot_phase::lease ||
         (s.phase == slot_phase::statement && served(s) != nullptr && !runs_probe(s));
}

} // namespace

std::string_view name_of(pool_event event) {
  return event_names[static_cast<size_t>(event)];
}

void pool_core::note(pool_event event, const connection* conn, const caf::error* reason,
                     const pg_holder* holder) {
  count(event);
  listener_.on_notice({event, conn, reason, holder});
}

void pool_core::count_error(const caf::error& reason) {
  if (reason.category() == caf::type_id_v<errc> && reason.code() < errors_.size())
    ++errors_[reason.code()];
}

size_t pool_core::max_cancels() const noexcept {
  return std::max<size_t>(1, limit() / 2);
}

size_t pool_core::min_idle() const noexcept {
  return std::min(settings_.min_idle, pool_size_);
}

uint32_t pool_core::in_use() const noexcept {
  return static_cast<uint32_t>(std::count_if(slots_.begin(), slots_.end(),
                                             [](const auto& s) { return serves_somebody(*s); }));
}

pool_situation pool_core::situation() const {
  pool_situation result;
  result.size = pool_size_;
  result.max_overflow = max_overflow_;
  result.in_use = in_use();
  result.waiting = waiting();
  result.last_connect_error = last_connect_error_;
  auto now = timers_.now();
  for (auto& s : slots_) {
    if (!serves_somebody(*s))
      continue;
    auto since = s->lease != nullptr ? s->lease->since : served(*s)->started;
    auto owner = s->lease != nullptr ? s->lease->owner : served(*s)->owner;
    if (!result.oldest || now - since > result.oldest->age)
      result.oldest = {owner, now - since};
  }
  return result;
}

pg_holder pool_core::holder_of(const pool_lease& lease, time_point now) const {
  pg_holder result;
  result.lease = lease.name;
  result.owner = lease.owner;
  result.age = now - lease.since;
  result.leaking = lease.leaking;
  if (lease.slot != nullptr) {
    auto status = standing(*lease.slot);
    result.in_transaction =
        status == transaction_status::in_transaction || status == transaction_status::failed;
    result.statement = observe::mask_sql(lease.slot->last_sql);
  }
  return result;
}

pg_holder pool_core::holder_of(const pool_slot& s, time_point now) const {
  if (s.lease != nullptr)
    return holder_of(*s.lease, now);
  pg_holder result;
  auto& r = *served(s);
  result.owner = r.owner;
  result.age = now - r.started;
  result.statement = observe::mask_sql(shorten_sql(r.statement.sql));
  return result;
}

std::vector<pg_holder> pool_core::holders(time_point now) const {
  std::vector<pg_holder> result;
  for (auto& s : slots_)
    if (serves_somebody(*s))
      result.push_back(holder_of(*s, now));
  std::stable_sort(result.begin(), result.end(),
                   [](const auto& x, const auto& y) { return x.age > y.age; });
  return result;
}

pool_stats pool_core::stats() const {
  pool_stats result;
  result.pool_size = pool_size_;
  result.max_overflow = max_overflow_;
  result.active_connections = in_use();
  result.idle = static_cast<uint32_t>(
      idle_.size() + static_cast<size_t>(std::count_if(slots_.begin(), slots_.end(),
                                                       [](auto& s) { return runs_probe(*s); })));
  result.connecting = static_cast<uint32_t>(connecting_);
  // What is neither free nor working: cancelled, cleaned up, closed.
  result.quarantined = static_cast<uint32_t>(slots_.size()) - result.active_connections -
                       result.idle - result.connecting;
  result.overflow =
      static_cast<uint32_t>(slots_.size() > pool_size_ ? slots_.size() - pool_size_ : size_t{0});
  result.utilization =
      static_cast<double>(result.active_connections) / static_cast<double>(limit());
  result.waiting = static_cast<uint32_t>(waiting());
  result.max_waiting = static_cast<uint32_t>(max_waiting());
  result.shared_connections = static_cast<uint32_t>(sharing_.size());
  for (auto* s : sharing_)
    result.shared_statements += static_cast<uint32_t>(s->running.size());
  for (auto& [id, lease] : leases_) {
    result.leases += lease.slot != nullptr ? 1 : 0;
    result.leaks += lease.leaking ? 1 : 0;
  }
  for (size_t i = 0; i < events_.size(); ++i)
    result.counters.push_back({std::string{event_names[i]}, static_cast<int64_t>(events_[i])});
  for (size_t i = 1; i < errors_.size(); ++i)
    if (errors_[i] != 0 || std::find(known_errors.begin(), known_errors.end(),
                                     static_cast<errc>(i)) != known_errors.end())
      result.counters.push_back(
          {"errors." + to_string(static_cast<errc>(i)), static_cast<int64_t>(errors_[i])});
  result.last_connect_error = last_connect_error_;
  return result;
}

} // namespace dbs::postgres
