// From level to level.
#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/cache/cache_core.hpp"
#include "dbs/runtime/cache/key_rules.hpp"

#include <algorithm>
#include <utility>

namespace dbs::cache {

namespace {

cache_value value_of(stored_kind kind, blob value, cache_source from, bool stale) {
  return {kind == stored_kind::value, std::move(value), from, stale};
}

} // namespace

// -- asking the levels -----------------------------------------------------------------

void cache_core::look_up(flights which) {
  auto is_elsewhere = [](const cache_flight* f) { return f->levels != no_level; };
  if (std::all_of(which.begin(), which.end(), is_elsewhere))
    return ask_l2(which);
  std::vector<cache_flight*> rest;
  for (auto* f : which)
    if (is_elsewhere(f))
      rest.push_back(f);
    else
      look_here(*f);
  if (!rest.empty())
    ask_l2(rest);
}

/// Of a key that memory alone has. It may have come since whoever asks has looked.
void cache_core::look_here(cache_flight& f) {
  take_from_l1(f);
  if (f.stale && memory_->wall() < f.stale->soft) {
    answer_waiters(f, value_of(f.stale->kind, std::move(f.stale->value), cache_source::l1, false),
                   true);
    return finish(f);
  }
  go_on(f, f.stale && f.wants_load && is_within(*f.stale, f.options->stale_while_revalidate));
}

void cache_core::ask_l2(flights which) {
  if (auto* level = l2_->get())
    return ask(*level, op_kind::one_l2, op_kind::many_l2, which,
               timers_.now() + settings_.l2_timeout);
  for (auto* f : which)
    f->level_failed = true;
  ask_l3(which);
}

void cache_core::ask_l3(flights which) {
  auto* level = l3_->get();
  std::vector<cache_flight*> asked;
  for (auto* f : which) {
    auto uses_l3 = (f->levels & level_3) != no_level;
    if (uses_l3 && level != nullptr) {
      asked.push_back(f);
    } else {
      f->level_failed = f->level_failed || uses_l3;
      not_found(*f);
    }
  }
  if (!asked.empty())
    ask(*level, op_kind::one_l3, op_kind::many_l3, asked, timers_.now() + settings_.l3_timeout);
}

void cache_core::ask(cache_level& level, op_kind one, op_kind many, flights which, time_point by) {
  if (which.size() == 1)
    return level.read(which[0]->key, by, *this, token_of(one, which[0]->slot));
  auto index = reads_.take();
  reads_[index].assign(which.begin(), which.end());
  std::vector<std::string> keys;
  keys.reserve(which.size());
  for (auto* f : which)
    keys.push_back(f->key);
  level.read(keys, by, *this, token_of(many, index));
}

void cache_core::on_value(level_token token, caf::expected<std::optional<stored_value>> found) {
  owner_.enter([&] { heard_one(token, std::move(found)); });
}

void cache_core::heard_one(level_token token, caf::expected<std::optional<stored_value>>&& found) {
  auto* f = &flights_[token & index_mask];
  auto of_l2 = kind_of(token) == op_kind::one_l2;
  if (heard(*f, of_l2, std::move(found)))
    return;
  if (of_l2)
    ask_l3({&f, 1});
  else
    not_found(*f);
}

void cache_core::on_values(level_token token,
                           caf::expected<std::vector<std::optional<stored_value>>> found) {
  owner_.enter([&] { heard_many(token, std::move(found)); });
}

void cache_core::heard_many(level_token token,
                            caf::expected<std::vector<std::optional<stored_value>>>&& found) {
  auto index = token & index_mask;
  auto which = std::move(reads_[index]);
  reads_.give_back(index);
  auto of_l2 = kind_of(token) == op_kind::many_l2;
  std::vector<cache_flight*> rest;
  for (size_t i = 0; i < which.size(); ++i) {
    auto& f = *which[i];
    auto part = found ? caf::expected<std::optional<stored_value>>{std::move((*found)[i])}
                      : caf::expected<std::optional<stored_value>>{found.error()};
    if (!heard(f, of_l2, std::move(part)))
      rest.push_back(&f);
  }
  if (of_l2)
    return ask_l3(rest);
  for (auto* f : rest)
    not_found(*f);
}

// -- what they say -----------------------------------------------------------------------

bool cache_core::heard(cache_flight& f, bool of_l2,
                       caf::expected<std::optional<stored_value>>&& found) {
  if (!found) {
    f.level_failed = true;
    return false;
  }
  auto& seen = of_l2 ? f.seen_l2 : f.seen_l3;
  if (!*found) {
    seen = version{};
    return false;
  }
  seen = (*found)->vers;
  if (of_l2)
    f.gone_in_l2 = (*found)->kind == stored_kind::tombstone;
  memory_->versions.observe(*seen);
  return accept(f, std::move(**found), of_l2 ? cache_source::l2 : cache_source::l3);
}

bool cache_core::accept(cache_flight& f, stored_value&& found, cache_source from) {
  auto now = memory_->wall();
  if (found.kind == stored_kind::tombstone || now >= found.hard || is_outdated(f, found, from))
    return false;
  if (now < found.soft) {
    if (!f.detached) {
      if (keep_in_l1(f.key, found, f.levels) == l1_outcome::older)
        return false;
      if (from == cache_source::l3)
        fill(f, found, false);
    }
    answer_waiters(f, value_of(found.kind, std::move(found.value), from, false), true);
    finish(f);
    return true;
  }
  if (!f.stale || f.stale->vers < found.vers) {
    f.stale_tags = tag_bits(found.tags);
    f.stale = std::move(found);
    f.stale_from = from;
  }
  if (!f.wants_load)
    return false;
  go_on(f, is_within(*f.stale, f.options->stale_while_revalidate));
  return true;
}

bool cache_core::is_outdated(const cache_flight& f, const stored_value& found,
                             cache_source from) const {
  if (found.vers < (from == cache_source::l2 ? f.least_in_l2 : f.least_in_l3))
    return true;
  // L3 may lag behind.
  if (f.seen_l2 && (found.vers < *f.seen_l2 || (f.gone_in_l2 && found.vers == *f.seen_l2)))
    return true;
  return is_erased(f.key, found);
}

bool cache_core::is_erased(std::string_view key, const stored_value& what) const {
  return memory_->erasures.cover(key, what, timers_.now());
}

bool cache_core::is_within(const stored_value& what, caf::timespan window) const {
  auto now = memory_->wall();
  return now < what.hard && now - what.soft < window;
}

// -- what nobody knows ---------------------------------------------------------------------

void cache_core::not_found(cache_flight& f) {
  // What is here already may be better than nothing where L2 could not be asked.
  if (f.level_failed && !f.seen_l2 && !f.stale && !f.detached)
    take_from_l1(f);
  go_on(f, false);
}

void cache_core::go_on(cache_flight& f, bool renews) {
  f.renews = renews;
  answer_waiters(f, best_of(f), renews);
  if (f.wants_load)
    load(f);
  else
    finish(f);
}

void cache_core::take_from_l1(cache_flight& f) {
  memory_->l1.peek(f.key, [&](const l1_view& view) {
    auto& found = f.stale.emplace();
    found.vers = view.meta.vers;
    found.kind = view.meta.kind == entry_kind::value ? stored_kind::value : stored_kind::negative;
    // Of what others have, too, memory does not know when it is to be renewed, and that it is
    // not gone is what counts.
    found.soft = memory_->wall();
    if (f.levels == no_level)
      found.soft =
          view.stale ? found.soft - (memory_->coarse.now() - view.meta.soft) : wall_time::max();
    found.value = blob{view.value};
    f.stale_tags = view.meta.tags;
    f.stale_from = cache_source::l1;
  });
}

cache_value cache_core::best_of(const cache_flight& f) {
  return f.stale ? value_of(f.stale->kind, f.stale->value, f.stale_from, true) : cache_value{};
}

void cache_core::answer_waiters(cache_flight& f, cache_value what, bool all) {
  auto rest = all ? f.waiters.begin()
                  : std::stable_partition(f.waiters.begin(), f.waiters.end(),
                                          [](const waiter& x) { return x.wants_load; });
  if (rest == f.waiters.end())
    return;
  auto last = f.waiters.end() - 1;
  for (auto i = rest; i != last; ++i)
    answer(*i, what);
  answer(*last, std::move(what)); // as a rule the only one
  f.waiters.erase(rest, f.waiters.end());
}

void cache_core::finish(cache_flight& f) {
  if (!f.detached)
    current_.erase(f.key);
  auto slot = f.slot;
  f.waiters.clear();
  f.options.reset();
  f.loader.reset();
  f.detached = f.wants_load = f.renews = f.loading = f.level_failed = f.gone_in_l2 = false;
  f.least_in_l2 = f.least_in_l3 = {};
  f.seen_l2.reset();
  f.seen_l3.reset();
  f.stale.reset();
  flights_.give_back(slot);
  end_drain_if_idle();
}

void cache_core::detach(std::string_view key) {
  if (auto i = current_.find(key); i != current_.end()) {
    i->second->detached = true;
    current_.erase(i);
  }
}

void cache_core::detach_all(std::string_view prefix) {
  boost::unordered::erase_if(current_, [prefix](auto& x) {
    auto meant = x.first.starts_with(prefix);
    if (meant)
      x.second->detached = true;
    return meant;
  });
}

} // namespace dbs::cache
