#include "dbs/runtime/cache/l3_reads.hpp"

#include <algorithm>
#include <utility>

namespace dbs::cache {

void l3_reads::ask(std::vector<std::string> keys, bool single, time_point deadline, level_sink& to,
                   level_token token) {
  size_t bytes = 0;
  for (auto& key : keys)
    bytes += key.size();
  auto id = ++context_.last_id;
  auto& added = calls_[id];
  added.to = &to;
  added.token = token;
  added.single = single;
  added.deadline = deadline;
  added.found.resize(keys.size());
  auto count = keys.size();
  added.keys = std::move(keys);
  if (auto refused = context_.admit(count, bytes)) {
    added.sent = count; // waits for nothing
    return refuse(calls_.find(id), refused);
  }
  if (count == 0)
    return answer(calls_.find(id));
  if (deadline != time_point::max())
    added.timer = context_.timers.schedule(deadline, [this, id] {
      auto late = calls_.find(id);
      late->second.timer = {};
      refuse(late, l3_late());
    });
  context_.database.flush_soon();
}

// -- sending ----------------------------------------------------------------------------

void l3_reads::flush() {
  auto now = context_.timers.now();
  for (auto i = calls_.lower_bound(unseen_); i != calls_.end(); ++i)
    i->second.asked = now;
  unseen_ = context_.last_id + 1;
  while (in_flight_.size() < context_.limits.reads_in_flight) {
    auto parts = gather();
    if (parts.empty())
      return;
    send(std::move(parts));
  }
}

l3_reads::part_list l3_reads::gather() {
  auto limit = context_.limits.statement_keys;
  part_list result;
  std::erase_if(again_, [this](const part& x) { return !calls_.contains(x.call); });
  auto count = std::min(limit, again_.size());
  std::move(again_.begin(), again_.begin() + static_cast<std::ptrdiff_t>(count),
            std::back_inserter(result));
  again_.erase(again_.begin(), again_.begin() + static_cast<std::ptrdiff_t>(count));
  for (auto& x : result)
    x.left_out = false; // until its row says so again
  for (auto i = calls_.lower_bound(unsent_); i != calls_.end() && result.size() < limit; ++i) {
    auto& [id, asks] = *i;
    for (; asks.sent < asks.keys.size() && result.size() < limit; ++asks.sent) {
      auto& key = asks.keys[asks.sent];
      context_.waits_no_more(1, key.size());
      result.push_back({std::move(key), id, asks.sent});
    }
    if (asks.sent < asks.keys.size())
      break;
    unsent_ = id + 1;
  }
  std::sort(result.begin(), result.end(),
            [](const part& x, const part& y) { return x.key < y.key; });
  return result;
}

void l3_reads::send(part_list parts) {
  std::vector<std::string_view> keys;
  keys.reserve(parts.size());
  auto deadline = time_point::min();
  for (auto& x : parts) {
    if (keys.empty() || keys.back() != x.key)
      keys.emplace_back(x.key);
    deadline = std::max(deadline, calls_.at(x.call).deadline);
  }
  auto statement = context_.sql.read(keys, context_.clock(), context_.limits.statement_bytes);
  in_flight_.emplace(context_.send(std::move(statement), deadline), std::move(parts));
}

// -- answers ----------------------------------------------------------------------------

bool l3_reads::on_result(l3_token token, caf::expected<pg_result>& result) {
  auto sent = in_flight_.extract(token);
  if (!sent)
    return false;
  auto& parts = sent.mapped();
  auto rows = result ? l3_statements::read_found(*result)
                     : caf::expected<std::vector<l3_found>>{result.error()};
  if (rows)
    take(parts, *rows);
  // A sink may ask and forget from here: nothing is held over its turn.
  for (auto& x : parts) {
    auto who = calls_.find(x.call);
    if (who == calls_.end() || x.left_out)
      continue;
    // A read that nobody saw the end of has done nothing.
    if (!rows)
      refuse(who, rows.error() == errc::in_doubt
                      ? fail(errc::connection_lost, detail(rows.error()).what)
                      : rows.error());
    else if (++who->second.answered == who->second.found.size())
      answer(who);
  }
  std::erase_if(parts, [](const part& x) { return !x.left_out; });
  std::move(parts.begin(), parts.end(), std::back_inserter(again_));
  if (context_.closed)
    refuse_waiting(context_.closed);
  return true;
}

void l3_reads::take(part_list& parts, const std::vector<l3_found>& rows) {
  auto& counted = context_.counters->counted;
  for (auto& row : rows) {
    counted.corrupt += row.what || row.left_out ? 0 : 1;
    auto before = [](const part& x, std::string_view key) { return x.key < key; };
    auto i = std::lower_bound(parts.begin(), parts.end(), row.key, before);
    for (; i != parts.end() && i->key == row.key; ++i) {
      i->left_out = row.left_out;
      auto who = calls_.find(i->call);
      if (who != calls_.end() && row.what)
        who->second.found[i->index] = row.what;
    }
  }
}

void l3_reads::answer(call_map::iterator which) {
  auto done = remove(which);
  auto& counted = context_.counters->counted;
  for (auto& x : done.found) {
    auto hit = x && x->kind != stored_kind::tombstone;
    ++(hit ? counted.hits : counted.misses);
  }
  if (!done.found.empty())
    context_.counters->reads.record(context_.timers.now() - done.asked);
  if (done.single)
    done.to->on_value(done.token, std::move(done.found.front()));
  else
    done.to->on_values(done.token, std::move(done.found));
}

void l3_reads::refuse(call_map::iterator which, const caf::error& reason) {
  auto done = remove(which);
  context_.count_error(reason, done.found.size());
  if (done.single)
    done.to->on_value(done.token, reason);
  else
    done.to->on_values(done.token, reason);
}

l3_reads::call l3_reads::remove(call_map::iterator which) {
  auto result = std::move(which->second);
  calls_.erase(which);
  context_.timers.cancel(result.timer);
  for (; result.sent < result.keys.size(); ++result.sent)
    context_.waits_no_more(1, result.keys[result.sent].size());
  return result;
}

// -- the end ----------------------------------------------------------------------------

void l3_reads::forget(const level_sink& to) {
  for (auto i = calls_.begin(); i != calls_.end();) {
    auto which = i++;
    if (which->second.to == &to)
      remove(which);
  }
}

void l3_reads::refuse_waiting(const caf::error& reason) {
  for (auto& x : std::exchange(again_, {})) {
    auto who = calls_.find(x.call);
    if (who != calls_.end())
      refuse(who, reason);
  }
  // Those that are sent in part are answered, too: the rest never will be.
  auto first = calls_.lower_bound(unsent_);
  while (first != calls_.end()) {
    refuse(first, reason);
    first = calls_.lower_bound(unsent_);
  }
}

void l3_reads::refuse_all(const caf::error& reason) {
  while (!calls_.empty())
    refuse(calls_.begin(), reason);
}

} // namespace dbs::cache
