// How the cache does, and what can be changed while it runs.
#pragma once

#include "dbs/messages/latency_summary.hpp"
#include "dbs/messages/type_ids.hpp"

#include <cstdint>
#include <optional>

namespace dbs {

/// One level, since the start of the services. Rates are from 0 to 1, and 0 before anybody
/// has asked.
struct cache_level_stats {
  uint64_t hits = 0;
  uint64_t misses = 0;
  double hit_rate = 0;
  /// Asked without an answer: away, late, or with an error.
  uint64_t errors = 0;
  /// Of reads that were answered. Of L1: of one read in a thousand.
  latency_summary latency;
};

template <class Inspector>
bool inspect(Inspector& f, cache_level_stats& x) {
  return f.object(x).fields(f.field("hits", x.hits), f.field("misses", x.misses),
                            f.field("hit_rate", x.hit_rate), f.field("errors", x.errors),
                            f.field("latency", x.latency));
}

struct cache_stats {
  cache_level_stats l1;
  /// `hit_rate` is of what L1 has missed.
  cache_level_stats l2;
  cache_level_stats l3;
  bool l3_enabled = false;

  // The memory of L1.
  uint64_t entries = 0;
  uint64_t bytes = 0;
  uint64_t capacity = 0;
  uint64_t capacity_bytes = 0;
  uint64_t evictions = 0;
  uint64_t expired = 0;

  // Loaders.
  uint64_t loads = 0;
  uint64_t load_errors = 0;
  latency_summary load_latency;
  /// Requests that waited for what another one had asked for already.
  uint64_t joins = 0;
  /// Answers past their time.
  uint64_t stale_served = 0;
  /// What was loaded and not kept, because the key was invalidated meanwhile.
  uint64_t discarded = 0;

  // Writes.
  uint64_t puts = 0;
  uint64_t erasures = 0;
  uint64_t invalidations = 0;
  /// Keys whose last write has not arrived on every level yet.
  uint64_t unsettled = 0;

  /// Requests that are being worked on.
  uint64_t waiting = 0;
  uint64_t overloaded = 0;
  /// Requests that were answered at their deadline.
  uint64_t late = 0;
  /// Keys that had to be removed from a level, since a write had not reached it.
  uint64_t repairs = 0;
  /// Of warmed entries, how many were used; nothing as long as there is no warming.
  std::optional<double> warming_accuracy;
};

template <class Inspector>
bool inspect(Inspector& f, cache_stats& x) {
  return f.object(x).fields(
      f.field("l1", x.l1), f.field("l2", x.l2), f.field("l3", x.l3),
      f.field("l3_enabled", x.l3_enabled), f.field("entries", x.entries), f.field("bytes", x.bytes),
      f.field("capacity", x.capacity), f.field("capacity_bytes", x.capacity_bytes),
      f.field("evictions", x.evictions), f.field("expired", x.expired), f.field("loads", x.loads),
      f.field("load_errors", x.load_errors), f.field("load_latency", x.load_latency),
      f.field("joins", x.joins), f.field("stale_served", x.stale_served),
      f.field("discarded", x.discarded), f.field("puts", x.puts), f.field("erasures", x.erasures),
      f.field("invalidations", x.invalidations), f.field("unsettled", x.unsettled),
      f.field("waiting", x.waiting), f.field("overloaded", x.overloaded), f.field("late", x.late),
      f.field("repairs", x.repairs), f.field("warming_accuracy", x.warming_accuracy));
}

/// What is to be changed.
struct cache_tuning {
  /// Entries of L1; what is there stays as far as it has room.
  std::optional<uint64_t> l1_size = {};
  /// Looks at how quickly Redis answers, and opens or closes connections within the pool's
  /// minimum and maximum.
  bool optimize_l2_connections = false;
};

template <class Inspector>
bool inspect(Inspector& f, cache_tuning& x) {
  return f.object(x).fields(f.field("l1_size", x.l1_size),
                            f.field("optimize_l2_connections", x.optimize_l2_connections));
}

/// The sizes after a change.
struct cache_sizes {
  uint64_t l1_size = 0;
  /// Connections to Redis that are kept.
  uint32_t l2_connections = 0;
  uint32_t l2_connections_min = 0;
  uint32_t l2_connections_max = 0;
  /// What the decision was made by: how long Redis took, at the 95th percentile; nothing
  /// without a measurement.
  std::optional<caf::timespan> l2_response_p95;
};

template <class Inspector>
bool inspect(Inspector& f, cache_sizes& x) {
  return f.object(x).fields(f.field("l1_size", x.l1_size),
                            f.field("l2_connections", x.l2_connections),
                            f.field("l2_connections_min", x.l2_connections_min),
                            f.field("l2_connections_max", x.l2_connections_max),
                            f.field("l2_response_p95", x.l2_response_p95));
}

} // namespace dbs
