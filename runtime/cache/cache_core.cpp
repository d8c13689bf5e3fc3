// Requests and their answers; cache_lookup.cpp, cache_load.cpp, cache_write.cpp and
// cache_erasures.cpp have what happens in between.
#include "dbs/runtime/cache/cache_core.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/cache/key_rules.hpp"

#include <algorithm>
#include <utility>

namespace dbs::cache {

cache_core::cache_core(core_options options, timer_queue& timers, cache_core_owner& owner,
                       uint64_t seed)
    : settings_(std::move(options.settings)), max_waiting_(options.max_waiting),
      max_queued_loads_(options.max_queued_loads), memory_(std::move(options.memory)),
      l2_(std::move(options.l2)), l3_(std::move(options.l3)), timers_(timers), owner_(owner),
      random_(static_cast<std::minstd_rand::result_type>(seed)) {}

cache_core::~cache_core() {
  for (auto* level : {l2_->whoever_is_there(), l3_->whoever_is_there()})
    if (level != nullptr)
      level->forget(*this);
}

void cache_core::start() {
  memory_->unsettled.fail_all();
  schedule_repairs();
}

// -- asking --------------------------------------------------------------------------

caf::error cache_core::admit(size_t requests, time_point deadline) {
  if (drains_)
    return fail(errc::draining, "the cache is shutting down");
  if (deadline != time_point::max() && deadline <= timers_.now()) {
    ++memory_->counts.late;
    return fail(errc::deadline_exceeded, "the deadline had passed before the cache was asked");
  }
  if (waiting_ + requests > max_waiting_) {
    ++memory_->counts.overloaded;
    return fail(errc::overloaded, "too many requests wait for the cache",
                {{"waiting", static_cast<int64_t>(waiting_)},
                 {"max_waiting", static_cast<int64_t>(max_waiting_)}});
  }
  waiting_ += requests;
  watch(deadline);
  return {};
}

caf::error cache_core::check_get(std::string_view key, bool load) const {
  if (auto refused = check_key(key))
    return refused;
  if (!load)
    return {};
  auto options = memory_->names.find(key);
  if (!options || std::holds_alternative<std::monostate>(options->loader))
    return fail(errc::not_found, "no loader is registered for the namespace '" +
                                     std::string{namespace_of(key)} + "'");
  return {};
}

void cache_core::get(cache_get what, time_point deadline, request_token token) {
  if (auto refused = check_get(what.key, what.load))
    return owner_.on_value(token, std::move(refused));
  start_get(std::move(what), deadline, token, nullptr);
}

void cache_core::get(cache_get_with what, time_point deadline, request_token token) {
  auto refused = check_key(what.what.key);
  if (!refused && !what.loader)
    refused =
        fail(errc::invalid_argument, "there is no function to load the key with: it is empty, "
                                     "or has been sent to another node");
  if (!refused && !memory_->names.takes_loader(what.what.key))
    refused = fail(errc::invalid_argument,
                   "a loader for one call is for namespaces that are node_local, which '" +
                       std::string{namespace_of(what.what.key)} + "' is not");
  if (refused)
    return owner_.on_value(token, std::move(refused));
  what.what.load = true;
  start_get(std::move(what.what), deadline, token,
            std::make_shared<const cache_loader>(std::move(what.loader)));
}

void cache_core::start_get(cache_get&& what, time_point deadline, request_token token,
                           own_loader loader) {
  if (auto refused = admit(1, deadline))
    return owner_.on_value(token, std::move(refused));
  if (!what.looked) {
    if (auto here = memory_->look_up(what.key, what.without_value)) {
      --waiting_;
      return owner_.on_value(token, std::move(*here));
    }
  }
  waiter who{token,     deadline,          memory_->counts.invalidations, 0, false,
             what.load, what.without_value};
  if (auto* f = join(std::move(what.key), who, std::move(loader)))
    look_up({&f, 1});
}

void cache_core::get(cache_get_many what, time_point deadline, request_token token) {
  caf::error refused;
  if (what.keys.size() > cache_get_many::max_keys)
    refused = fail(errc::invalid_argument,
                   "at most " + std::to_string(cache_get_many::max_keys) + " keys at a time");
  for (auto& key : what.keys)
    if (!refused)
      refused = check_get(key, what.load);
  if (!refused)
    refused = admit(what.keys.size(), deadline);
  if (refused)
    return owner_.on_values(token, std::move(refused));
  if (what.keys.empty())
    return owner_.on_values(token, std::vector<cache_value>{});
  auto where = open_group(token, what.keys.size(), false);
  std::vector<cache_flight*> fresh;
  for (uint32_t i = 0; i < what.keys.size(); ++i) {
    waiter who{where, deadline, memory_->counts.invalidations, i, true, what.load, false};
    if (!what.looked) {
      if (auto here = memory_->look_up(what.keys[i])) {
        answer(who, *here);
        continue;
      }
    }
    if (auto* f = join(std::move(what.keys[i]), who))
      fresh.push_back(f);
  }
  if (!fresh.empty())
    look_up(fresh);
}

cache_flight* cache_core::join(std::string key, const waiter& who, own_loader loader) {
  if (auto i = current_.find(key); i != current_.end()) {
    auto& f = *i->second;
    ++memory_->counts.joins;
    if (f.loading &&
        (!who.wants_load || (f.stale && is_within(*f.stale, f.options->stale_while_revalidate)))) {
      answer(who, best_of(f));
      return nullptr;
    }
    if (who.wants_load && !f.wants_load) {
      f.wants_load = true;
      f.options = memory_->names.find(f.key);
      f.loader = std::move(loader);
    }
    f.waiters.push_back(who);
    return nullptr;
  }
  auto slot = flights_.take();
  auto& f = flights_[slot];
  f.slot = static_cast<uint32_t>(slot);
  f.key = std::move(key);
  f.waiters.push_back(who);
  f.options = memory_->names.find(f.key);
  f.loader = std::move(loader);
  f.wants_load = who.wants_load;
  f.least_in_l2 = memory_->unsettled.missing_on(f.key, level_2);
  f.least_in_l3 = memory_->unsettled.missing_on(f.key, level_3);
  f.levels = levels_of(f.options.get());
  current_.emplace(f.key, &f);
  return &f;
}

level_set cache_core::levels_of(const namespace_options* options) const noexcept {
  if (options != nullptr && options->node_local)
    return no_level;
  return settings_.l3_enabled && (options == nullptr || options->in_l3) ? both_levels : level_2;
}

// -- answering -----------------------------------------------------------------------

size_t cache_core::open_group(request_token token, size_t size, bool of_writes) {
  auto index = groups_.take();
  auto& x = groups_[index];
  x.token = token;
  x.left = size;
  x.of_writes = of_writes;
  x.values.assign(of_writes ? 0 : size, {});
  x.failure = {};
  return index;
}

void cache_core::answer(const waiter& who, cache_value what) {
  --waiting_;
  if (what.stale)
    ++memory_->counts.stale_served;
  if (who.without_value)
    what.value = {};
  if (!who.in_group)
    return owner_.on_value(who.token, std::move(what));
  groups_[who.token].values[who.index] = std::move(what);
  close_group_part(who.token, {});
}

void cache_core::refuse(const waiter& who, const caf::error& reason) {
  --waiting_;
  if (who.in_group)
    close_group_part(who.token, reason);
  else
    owner_.on_value(who.token, reason);
}

void cache_core::close_group_part(size_t index, const caf::error& failure) {
  auto& x = groups_[index];
  if (failure && !x.failure)
    x.failure = failure;
  if (--x.left > 0)
    return;
  if (x.of_writes)
    owner_.on_done(x.token, x.failure ? caf::expected<void>{std::move(x.failure)}
                                      : caf::expected<void>{caf::unit});
  else if (x.failure)
    owner_.on_values(x.token, std::move(x.failure));
  else
    owner_.on_values(x.token, std::move(x.values));
  x.values = {};
  groups_.give_back(index);
}

// -- deadlines -----------------------------------------------------------------------

/// One timer for all: most requests are answered long before it fires, and cost nothing.
void cache_core::watch(time_point deadline) {
  if (deadline >= watched_)
    return;
  timers_.cancel(deadline_timer_);
  watched_ = deadline;
  deadline_timer_ = timers_.schedule(deadline, [this] { on_deadline(); });
}

void cache_core::on_deadline() {
  deadline_timer_ = {};
  watched_ = time_point::max();
  auto now = timers_.now();
  auto earliest = time_point::max();
  flights_.for_each([&](cache_flight& f) {
    auto late = std::stable_partition(f.waiters.begin(), f.waiters.end(),
                                      [now](const waiter& x) { return x.deadline > now; });
    for (auto i = late; i != f.waiters.end(); ++i) {
      ++memory_->counts.late;
      if (f.stale && (!i->wants_load || is_within(*f.stale, f.options->stale_on_error)))
        answer(*i, best_of(f));
      else
        refuse(*i, fail(errc::deadline_exceeded, "the cache had no answer before the deadline"));
    }
    f.waiters.erase(late, f.waiters.end());
    for (auto& x : f.waiters)
      earliest = std::min(earliest, x.deadline);
  });
  erasures_.for_each([&](erase_op& op) {
    if (op.token == no_token)
      return;
    if (op.deadline <= now) {
      ++memory_->counts.late;
      op.failure = fail(errc::in_doubt, "the deadline passed before the invalidation had come "
                                        "about everywhere; it goes on");
      answer_erasure(op);
      op.failure = {};
    } else {
      earliest = std::min(earliest, op.deadline);
    }
  });
  if (earliest != time_point::max())
    watch(earliest);
}

// -- the end -------------------------------------------------------------------------

bool cache_core::idle() const noexcept {
  return flights_.used() == 0 && writes_.used() == 0 && erasures_.used() == 0;
}

void cache_core::drain() {
  drains_ = true;
  timers_.cancel(repair_timer_);
  end_drain_if_idle();
}

void cache_core::end_drain_if_idle() {
  if (drains_ && idle())
    end_drain();
}

void cache_core::end_drain() {
  if (!std::exchange(told_drained_, true))
    owner_.on_drained();
}

void cache_core::abort(const caf::error& reason) {
  drains_ = true;
  flights_.for_each([&](cache_flight& f) {
    for (auto& x : std::exchange(f.waiters, {}))
      refuse(x, reason);
  });
  auto unknown = fail(errc::in_doubt, detail(reason).what + "; the write has no answer yet");
  writes_.for_each([&](write_op& op) {
    if (!op.answered) {
      op.failure = unknown;
      answer_write(op);
    }
  });
  erasures_.for_each([&](erase_op& op) {
    op.failure = unknown;
    answer_erasure(op);
  });
  end_drain();
}

} // namespace dbs::cache
