#include "dbs/runtime/cache/l3_erasures.hpp"

#include <utility>

namespace dbs::cache {

void l3_erasures::ask(l3_scope scope, std::string_view text, const version& vers,
                      time_point deadline, level_sink& to, level_token token) {
  if (auto refused = context_.admit(1, text.size())) {
    context_.count_error(refused, 1);
    return to.on_erased(token, refused);
  }
  auto id = ++context_.last_id;
  auto& added = calls_[id];
  added.to = &to;
  added.token = token;
  added.deadline = deadline;
  added.scope = scope;
  added.text = text;
  added.vers = vers;
  if (deadline != time_point::max())
    added.timer = context_.timers.schedule(deadline, [this, id] {
      auto late = calls_.find(id);
      late->second.timer = {};
      answer(late, late->second.begun ? l3_in_doubt() : l3_late());
    });
  context_.database.flush_soon();
}

void l3_erasures::flush() {
  if (in_flight_ != 0 || calls_.empty() || !writes_.done_before(calls_.begin()->first))
    return;
  auto& [id, asks] = *calls_.begin();
  asks.begun = true;
  current_ = id;
  auto statement = context_.sql.erase({asks.scope, asks.text, asks.vers, asks.after},
                                      context_.clock(), context_.limits.erase_rows);
  in_flight_ = context_.send(std::move(statement), asks.deadline);
}

bool l3_erasures::on_result(l3_token token, caf::expected<pg_result>& result) {
  if (token != in_flight_)
    return false;
  in_flight_ = 0;
  auto what =
      result ? l3_statements::read_erased(*result) : caf::expected<l3_erased>{result.error()};
  if (what)
    context_.figures.erased += what->rows;
  auto which = calls_.find(current_);
  if (which != calls_.end())
    on_result_of(which, std::move(what));
  return true;
}

void l3_erasures::on_result_of(call_map::iterator which, caf::expected<l3_erased> what) {
  auto& asks = which->second;
  if (!what) {
    // What was erased before stays erased; the rest is begun anew where it stopped.
    if (!context_.closed && l3_context::may_repeat(what.error()) &&
        ++asks.attempts < context_.limits.attempts)
      ++context_.figures.repeated;
    else
      answer(which, what.error());
  } else if (what->rows < context_.limits.erase_rows) {
    answer(which, {});
  } else if (context_.closed) {
    answer(which, context_.closed);
  } else {
    asks.after = std::move(what->last_key);
  }
}

void l3_erasures::answer(call_map::iterator which, const caf::error& reason) {
  auto done = std::move(which->second);
  calls_.erase(which);
  context_.timers.cancel(done.timer);
  context_.waits_no_more(1, done.text.size());
  if (reason)
    context_.count_error(reason, 1);
  if (done.to == nullptr)
    return;
  if (reason)
    done.to->on_erased(done.token, reason);
  else
    done.to->on_erased(done.token, caf::unit);
}

void l3_erasures::forget(const level_sink& to) {
  for (auto& [id, asks] : calls_)
    if (asks.to == &to)
      asks.to = nullptr;
}

void l3_erasures::refuse_waiting(const caf::error& reason) {
  // The one whose piece is under way goes on until it ends.
  while (!calls_.empty()) {
    auto last = std::prev(calls_.end());
    if (in_flight_ != 0 && last->first == current_)
      return;
    answer(last, reason);
  }
}

void l3_erasures::refuse_all(const caf::error& reason) {
  in_flight_ = 0;
  refuse_waiting(reason);
}

} // namespace dbs::cache
