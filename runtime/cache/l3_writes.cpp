#include "dbs/runtime/cache/l3_writes.hpp"

#include <algorithm>
#include <utility>

namespace dbs::cache {

namespace {

/// How far a statement looks for rows whose keys are not busy, in multiples of its rows.
constexpr size_t look_ahead = 4;

} // namespace

void l3_writes::ask(std::string_view key, const stored_value& what,
                    const std::optional<version>& seen, time_point deadline, level_sink& to,
                    level_token token) {
  call asks;
  asks.key = key;
  asks.what = what;
  if (auto refused = context_.admit(1, asks.bytes())) {
    context_.count_error(refused, 1);
    return to.on_written(token, refused);
  }
  asks.to = &to;
  asks.token = token;
  asks.seen = seen;
  asks.deadline = deadline;
  auto id = ++context_.last_id;
  if (deadline != time_point::max())
    asks.timer = context_.timers.schedule(deadline, [this, id] { on_deadline(id); });
  calls_.emplace(id, std::move(asks));
  context_.database.flush_soon();
}

void l3_writes::on_deadline(uint64_t id) {
  auto late = calls_.find(id);
  late->second.timer = {};
  if (late->second.in_flight)
    tell(late->second, l3_in_doubt()); // it stays until the statement ends
  else
    answer(late, l3_late());
}

// -- sending ----------------------------------------------------------------------------

void l3_writes::flush() {
  while (in_flight_.size() < context_.limits.writes_in_flight) {
    auto ids = gather();
    if (ids.empty())
      return;
    send(std::move(ids));
  }
}

l3_writes::id_list l3_writes::gather() {
  auto& limits = context_.limits;
  id_list result;
  size_t bytes = 0;
  size_t looked_at = 0;
  for (auto& [id, asks] : calls_) {
    if (asks.in_flight)
      continue;
    if (result.size() == limits.statement_keys ||
        ++looked_at > look_ahead * limits.statement_keys ||
        (!result.empty() && bytes + asks.bytes() > limits.statement_bytes))
      break;
    if (!busy_.insert(asks.key).second)
      continue;
    asks.in_flight = true;
    context_.waits_no_more(1, asks.bytes());
    bytes += asks.bytes();
    result.push_back(id);
  }
  std::sort(result.begin(), result.end(),
            [this](uint64_t x, uint64_t y) { return calls_.at(x).key < calls_.at(y).key; });
  return result;
}

void l3_writes::send(id_list ids) {
  std::vector<l3_row> rows;
  rows.reserve(ids.size());
  auto deadline = time_point::min();
  for (auto id : ids) {
    auto& asks = calls_.at(id);
    rows.push_back({asks.key, &asks.what, asks.seen});
    deadline = std::max(deadline, asks.deadline);
  }
  auto statement = context_.sql.write(rows, context_.clock());
  in_flight_.emplace(context_.send(std::move(statement), deadline), std::move(ids));
}

// -- answers ----------------------------------------------------------------------------

bool l3_writes::on_result(l3_token token, caf::expected<pg_result>& result) {
  auto sent = in_flight_.extract(token);
  if (!sent)
    return false;
  auto& ids = sent.mapped();
  auto rows = result ? l3_statements::read_outcomes(*result, ids.size())
                     : caf::expected<std::vector<l3_outcome>>{result.error()};
  // A sink may ask and forget from here: nothing is held over its turn.
  if (rows) {
    for (auto& x : *rows)
      if (x.settled)
        answer(land(ids[x.row]), x.what);
      else
        repeat(land(ids[x.row]));
    return true;
  }
  auto undone = l3_context::may_repeat(rows.error());
  for (auto id : ids)
    if (undone)
      repeat(land(id));
    else
      answer(land(id), rows.error());
  return true;
}

l3_writes::call_map::iterator l3_writes::land(uint64_t id) {
  auto which = calls_.find(id);
  auto& asks = which->second;
  busy_.erase(asks.key);
  asks.in_flight = false;
  // It waits again, if only until it is answered. It was admitted once: no bound is asked.
  context_.figures.waiting_keys += 1;
  context_.figures.waiting_bytes += asks.bytes();
  return which;
}

void l3_writes::repeat(call_map::iterator which) {
  auto& asks = which->second;
  if (++asks.attempts == context_.limits.attempts)
    return answer(which, fail(errc::overloaded, "others have got in the way of a write " +
                                                    std::to_string(asks.attempts) + " times"));
  if (asks.told)
    return answer(which, l3_late()); // nobody hears it
  if (context_.closed)
    return answer(which, context_.closed);
  ++context_.figures.repeated;
}

void l3_writes::answer(call_map::iterator which, caf::expected<level_write> what) {
  auto done = std::move(which->second);
  calls_.erase(which);
  context_.timers.cancel(done.timer);
  context_.waits_no_more(1, done.bytes());
  tell(done, std::move(what));
}

void l3_writes::tell(call& which, caf::expected<level_write> what) {
  if (std::exchange(which.told, true))
    return;
  auto& counted = context_.counters->counted;
  if (what)
    ++(what->done ? counted.writes : counted.refused_older);
  else
    context_.count_error(what.error(), 1);
  if (which.to != nullptr)
    which.to->on_written(which.token, std::move(what));
}

// -- the end ----------------------------------------------------------------------------

void l3_writes::forget(const level_sink& to) {
  for (auto& [id, asks] : calls_)
    if (asks.to == &to)
      asks.to = nullptr;
}

void l3_writes::refuse_waiting(const caf::error& reason) {
  for (auto i = calls_.begin(); i != calls_.end();) {
    if (i->second.in_flight) {
      ++i;
      continue;
    }
    auto id = i->first;
    answer(i, reason);
    i = calls_.upper_bound(id);
  }
}

void l3_writes::refuse_all(const caf::error& reason) {
  for (auto& [token, ids] : std::exchange(in_flight_, {}))
    for (auto id : ids)
      land(id);
  refuse_waiting(reason);
}

} // namespace dbs::cache
