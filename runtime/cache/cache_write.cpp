// Writes, on their way to all levels.
#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/cache/cache_core.hpp"
#include "dbs/runtime/cache/key_rules.hpp"

#include <algorithm>
#include <utility>

namespace dbs::cache {

using namespace std::chrono_literals;

namespace {

/// For what nobody waits for, and at most.
constexpr caf::timespan write_timeout = 5s;

constexpr caf::timespan repair_interval = 1s;
constexpr size_t repairs_at_a_time = 256;

/// Times as often as others may write the key meanwhile, whose clocks are ahead.
constexpr uint8_t max_renewals = 3;

/// Fills of which nobody knows whether they have come about are removed again; they must not
/// take the room of others' writes.
constexpr size_t max_open_fills = unsettled_writes::max_keys / 2;

/// Of what memory alone is to have.
caf::error refusal_of(l1_outcome what, const stored_value& content) {
  switch (what) {
  case l1_outcome::too_large:
    return fail(errc::payload_too_large,
                "memory, which alone has keys of this namespace, has no room for so large a value",
                {{"bytes", static_cast<int64_t>(content.value.size())}});
  case l1_outcome::busy:
    return fail(errc::overloaded, "readers hold on to the memory that the value would need");
  default:
    return {};
  }
}

bool may_have_arrived(const caf::error& why) {
  return why == errc::in_doubt || why == errc::restarted;
}

} // namespace

// -- requests --------------------------------------------------------------------------

void cache_core::put(cache_put what, time_point deadline, request_token token) {
  auto refused = check_put(what, settings_);
  if (!refused)
    refused = admit(1, deadline);
  if (refused)
    return owner_.on_done(token, std::move(refused));
  start_put(std::move(what), deadline, token, false);
}

void cache_core::put(cache_put_many what, time_point deadline, request_token token) {
  caf::error refused;
  if (what.entries.size() > cache_put_many::max_entries)
    refused = fail(errc::invalid_argument,
                   "at most " + std::to_string(cache_put_many::max_entries) + " entries at a time");
  for (auto& x : what.entries)
    if (!refused)
      refused = check_put(x, settings_);
  if (!refused)
    refused = admit(what.entries.size(), deadline);
  if (refused)
    return owner_.on_done(token, std::move(refused));
  if (what.entries.empty())
    return owner_.on_done(token, caf::unit);
  auto where = open_group(token, what.entries.size(), true);
  for (auto& x : what.entries)
    start_put(std::move(x), deadline, where, true);
}

void cache_core::start_put(cache_put&& what, time_point deadline, request_token token,
                           bool in_group) {
  ++memory_->counts.puts;
  auto now = memory_->wall();
  auto options = memory_->names.find(what.key);
  write_op op;
  op.what = write_op::kind::put;
  op.key = std::move(what.key);
  op.content.kind = what.negative ? stored_kind::negative : stored_kind::value;
  op.content.soft = op.content.hard = after(now, what.ttl.value_or(settings_.l2_ttl));
  op.content.tags = std::move(what.tags);
  op.content.value = std::move(what.value);
  op.token = token;
  op.in_group = in_group;
  op.deadline = deadline;
  auto levels = levels_of(options.get());
  op.needed = needed_for(what.reach, levels);
  start_write(std::move(op), levels);
}

void cache_core::erase(const cache_erase& what, time_point deadline, request_token token) {
  auto refused = check_key(what.key);
  if (!refused)
    refused = admit(1, deadline);
  if (refused)
    return owner_.on_erased(token, std::move(refused));
  ++memory_->counts.erasures;
  write_op op;
  op.what = write_op::kind::erase;
  op.key = what.key;
  op.content.kind = stored_kind::tombstone;
  op.token = token;
  op.deadline = deadline;
  auto levels = levels_of(memory_->names.find(what.key).get());
  op.needed = needed_for(what.reach, levels);
  start_write(std::move(op), levels);
}

level_set cache_core::needed_for(cache_reach reach, level_set levels) noexcept {
  switch (reach) {
  case cache_reach::l1:
    return no_level;
  case cache_reach::l2:
    return level_2;
  default:
    return levels;
  }
}

wall_time cache_core::after(wall_time now, caf::timespan ttl) {
  // The standard's distribution takes two numbers at a time, for bits that nobody sees.
  constexpr auto most = static_cast<double>(std::minstd_rand::max());
  auto shorter = settings_.ttl_jitter * static_cast<double>(random_()) / most;
  auto ms = std::chrono::duration<double, std::milli>{ttl}.count() * (1 - shorter);
  return now + std::chrono::milliseconds{std::max<int64_t>(static_cast<int64_t>(ms), 1)};
}

// -- on the way --------------------------------------------------------------------------

void cache_core::start_write(write_op&& op, level_set levels) {
  auto index = writes_.take();
  auto& x = writes_[index] = std::move(op);
  if (levels != no_level && !memory_->unsettled.has_room_for(x.key)) {
    ++memory_->counts.overloaded;
    x.failure = fail(errc::overloaded, "too many keys wait for a level that is away",
                     {{"keys", static_cast<int64_t>(memory_->unsettled.size())}});
    answer_write(x);
    return end_write(index);
  }
  x.content.vers = memory_->versions.next();
  detach(x.key);
  auto kept = l1_outcome::done;
  if (x.what == write_op::kind::put) {
    kept = keep_in_l1(x.key, x.content, levels);
  } else {
    auto known = memory_->l1.known(x.key);
    x.had_value = known && known->has_value;
    memory_->l1.erase(x.key, x.content.vers);
  }
  if (levels == no_level) {
    x.failure = refusal_of(kept, x.content);
    answer_write(x);
    return end_write(index);
  }
  memory_->unsettled.begin(x.key, x.content.vers, levels);
  x.open = x.levels = levels;
  if (x.needed == no_level)
    answer_write(x);
  send(index, level_2);
  if ((levels & level_3) != no_level)
    send(index, level_3);
}

void cache_core::fill(const cache_flight& f, const stored_value& what, bool in_l3) {
  write_op op;
  op.what = write_op::kind::fill;
  if (f.seen_l2)
    op.open = level_2;
  if (in_l3 && f.seen_l3)
    op.open = op.open | level_3;
  if (op.open == no_level || memory_->unsettled.size() + writes_.used() >= max_open_fills)
    return;
  op.key = f.key;
  op.content = what;
  op.seen_l2 = f.seen_l2.value_or(version{});
  op.seen_l3 = f.seen_l3.value_or(version{});
  op.answered = true;
  auto levels = op.open;
  auto index = writes_.take();
  writes_[index] = std::move(op);
  for (auto level : {level_2, level_3})
    if ((levels & level) != no_level)
      send(index, level);
}

void cache_core::send(size_t index, level_set level) {
  auto& op = writes_[index];
  auto is_l2 = level == level_2;
  auto* there = is_l2 ? l2_->get() : l3_->get();
  if (there == nullptr)
    return wrote(index, level,
                 fail(errc::connection_lost, is_l2 ? "the second level of the cache is not there"
                                                   : "the third level of the cache is not there"));
  auto by = timers_.now() + write_timeout;
  if ((op.needed & level) != no_level && !op.answered)
    by = std::min(by, op.deadline);
  auto token = token_of(is_l2 ? op_kind::write_l2 : op_kind::write_l3, index);
  if (op.what == write_op::kind::fill)
    there->fill(op.key, op.content, is_l2 ? op.seen_l2 : op.seen_l3, by, *this, token);
  else
    there->write(op.key, op.content, by, *this, token);
}

void cache_core::on_written(level_token token, caf::expected<level_write> what) {
  owner_.enter([&] {
    wrote(token & index_mask, kind_of(token) == op_kind::write_l2 ? level_2 : level_3,
          std::move(what));
  });
}

void cache_core::wrote(size_t index, level_set level, caf::expected<level_write> what) {
  auto& op = writes_[index];
  auto is_fill = op.what == write_op::kind::fill;
  if (what)
    memory_->versions.observe(what->vers);
  if (what && !what->done && !is_fill && renew(index, level, what->vers))
    return;
  op.open = without(op.open, level);
  if (is_fill) {
    // Somebody else has written meanwhile.
    if (what && !what->done)
      drop_older(op.key, what->vers);
    if (!what && may_have_arrived(what.error())) {
      // It may come about behind an erasure.
      auto removal = op.content.vers;
      ++removal.sequence;
      memory_->versions.observe(removal);
      memory_->unsettled.spoil(op.key, removal, level);
      schedule_repairs();
    }
  } else if (what) {
    op.had_value = op.had_value || what->had_value;
    memory_->unsettled.settle(op.key, op.content.vers, level);
  } else {
    if ((op.needed & level) != no_level)
      op.failure = std::move(what.error());
    memory_->unsettled.fail(op.key, op.content.vers, level);
    schedule_repairs();
  }
  if (!op.answered && (op.needed & op.open) == no_level)
    answer_write(op);
  if (op.open == no_level)
    end_write(index);
}

void cache_core::end_write(size_t index) {
  auto awaited_by = std::move(writes_[index].awaited_by);
  writes_[index] = {}; // lets go of the value
  writes_.give_back(index);
  for (auto erasure : awaited_by)
    if (--erasures_[erasure].awaited == 0)
      send_erasure(erasure);
  end_drain_if_idle();
}

/// A write that came later than what is there, but was given an older version, or the same, since
/// another clock is ahead. What was answered is not made newer than what others have written since,
/// and a value not newer than an erasure that waits for it.
bool cache_core::renew(size_t index, level_set level, const version& there) {
  auto& op = writes_[index];
  if (!memory_->unsettled.is_latest(op.key, op.content.vers))
    return false;
  if (there < op.content.vers) {
    // For another level's sake it is newer already.
    send(index, level);
    return true;
  }
  if (op.answered || op.renewals == max_renewals || !op.awaited_by.empty())
    return false;
  ++op.renewals;
  auto newer = memory_->versions.next();
  memory_->unsettled.renew(op.key, op.content.vers, newer);
  op.content.vers = newer;
  if (op.what == write_op::kind::put)
    keep_in_l1(op.key, op.content, op.levels);
  else
    memory_->l1.erase(op.key, newer);
  send(index, level);
  return true;
}

void cache_core::answer_write(write_op& op) {
  op.answered = true;
  if (op.what == write_op::kind::repair)
    return;
  --waiting_;
  // Whoever asks from here on must not get what was read before.
  detach(op.key);
  if (op.failure && op.levels != no_level)
    spoil(op);
  auto failure = std::exchange(op.failure, {});
  if (op.what == write_op::kind::erase)
    owner_.on_erased(op.token, failure ? caf::expected<bool>{std::move(failure)}
                                       : caf::expected<bool>{op.had_value});
  else if (op.in_group)
    close_group_part(op.token, failure);
  else
    owner_.on_done(op.token, failure ? caf::expected<void>{std::move(failure)}
                                     : caf::expected<void>{caf::unit});
}

/// A write that was not done where it had to be leaves nothing anywhere.
void cache_core::spoil(const write_op& op) {
  if (!memory_->unsettled.is_latest(op.key, op.content.vers))
    return;
  auto newer = memory_->versions.next();
  memory_->l1.erase(op.key, newer);
  memory_->unsettled.spoil(op.key, newer, op.levels);
  schedule_repairs();
}

l1_outcome cache_core::keep_in_l1(std::string_view key, const stored_value& what,
                                  level_set levels) {
  auto now = memory_->wall();
  auto here = memory_->coarse.now();
  auto in_l1 = [&](wall_time t) {
    return t == wall_time::max() ? coarse_clock::time_point::max() : here + (t - now);
  };
  entry_meta meta;
  meta.vers = what.vers;
  meta.hard = in_l1(what.hard);
  meta.soft = in_l1(what.soft);
  if (levels != no_level) {
    // Asks the next level from time to time, which others write, too. The second level believes
    // for half of that time what it knows of tags.
    auto ttl = what.tags.empty() ? settings_.l1_ttl : settings_.l1_ttl / 2;
    meta.soft = std::min(meta.soft, in_l1(after(now, ttl)));
  }
  meta.kind = what.kind == stored_kind::value ? entry_kind::value : entry_kind::negative;
  meta.tags = tag_bits(what.tags);
  auto result = memory_->l1.put(key, what.value.view(), meta);
  if (result != l1_outcome::older)
    return result;
  // It may also be too old to be told from what had no room for a tombstone.
  auto known = memory_->l1.known(key);
  return !known || known->vers <= what.vers ? l1_outcome::busy : l1_outcome::older;
}

void cache_core::drop_older(std::string_view key, const version& than) {
  auto known = memory_->l1.known(key);
  if (known && known->vers < than)
    memory_->l1.erase(key, than);
}

// -- what did not arrive -------------------------------------------------------------------

void cache_core::schedule_repairs() {
  if (repair_timer_ || drains_ || memory_->unsettled.size() == 0)
    return;
  repair_timer_ = timers_.schedule_after(repair_interval, [this] {
    repair_timer_ = {};
    repair();
  });
}

void cache_core::repair() {
  auto there =
      (l2_->get() != nullptr ? level_2 : no_level) | (l3_->get() != nullptr ? level_3 : no_level);
  for (auto& x : memory_->unsettled.failed(repairs_at_a_time, there)) {
    write_op op;
    op.what = write_op::kind::repair;
    op.key = x.key;
    op.content.kind = stored_kind::tombstone;
    op.content.vers = x.vers;
    op.answered = true;
    op.open = x.levels;
    ++memory_->counts.repairs;
    memory_->versions.observe(x.vers); // nobody else may get it
    memory_->unsettled.begin_removal(x);
    auto index = writes_.take();
    writes_[index] = std::move(op);
    for (auto level : {level_2, level_3})
      if ((x.levels & level) != no_level)
        send(index, level);
  }
  schedule_repairs();
}

} // namespace dbs::cache
