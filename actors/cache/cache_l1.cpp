#include "dbs/actors/cache/cache_l1.hpp"

#include "dbs/messages/error_detail.hpp"

#include <chrono>
#include <utility>

namespace dbs {

namespace {

/// Pieces of a thousand entries, with pauses in which others have their turn: all shards are
/// seen once within about a second, unless they are large.
constexpr caf::timespan pause = std::chrono::milliseconds{10};
constexpr caf::timespan rest = std::chrono::seconds{1};

int64_t number(uint64_t x) {
  return static_cast<int64_t>(x);
}

} // namespace

cache_l1_state::cache_l1_state(loop_actor<actor_type>* self,
                               std::shared_ptr<cache::cache_memory> memory)
    : self_(self), memory_(std::move(memory)) {}

cache_l1_state::actor_type::behavior_type cache_l1_state::make_behavior() {
  return {
      [this](start_atom, const call_context&) -> caf::result<void> {
        if (!std::exchange(started_, true))
          maintain();
        return caf::unit;
      },
      [](ready_atom, const call_context&) -> caf::result<void> { return caf::unit; },
      [this](drain_atom, const call_context&) -> caf::result<void> {
        drained_ = true;
        return caf::unit;
      },
      [this](health_atom, const call_context&) { return health(); },
      [this](stats_atom, const call_context&) { return stats(); },
      [](resize_atom, const call_context&, const resize_request& what) -> caf::result<void> {
        return fail(errc::invalid_argument,
                    "cache.l1 has no size '" + what.what + "': l1_size is that of the child cache");
      },
  };
}

void cache_l1_state::maintain() {
  if (drained_)
    return;
  auto more = memory_->l1.maintain();
  self_->timers().schedule_after(more ? pause : rest, [this] { maintain(); });
}

health_report cache_l1_state::health() const {
  health_report result;
  result.component = "cache.l1";
  result.status = health_status::healthy;
  result.fields = stats().fields;
  return result;
}

stats_report cache_l1_state::stats() const {
  auto x = memory_->l1.stats();
  auto limits = memory_->l1.limits();
  return {"cache.l1",
          {
              {"hits", number(x.hits)},
              {"stale_hits", number(x.stale_hits)},
              {"misses", number(x.misses)},
              {"stored", number(x.stored)},
              {"evicted", number(x.evicted)},
              {"expired", number(x.expired)},
              {"erased", number(x.erased)},
              {"refused_older", number(x.refused_older)},
              {"refused_too_large", number(x.refused_too_large)},
              {"refused_busy", number(x.refused_busy)},
              {"entries", number(x.entries)},
              {"tombstones", number(x.tombstones)},
              {"bytes", number(x.bytes)},
              {"max_entries", number(limits.entries)},
              {"max_bytes", number(limits.bytes)},
          }};
}

cache_l1_state::actor_type spawn_cache_l1(event_loop& loop,
                                          std::shared_ptr<cache::cache_memory> memory) {
  return spawn_on<cache_l1_state>(loop, std::move(memory));
}

} // namespace dbs
