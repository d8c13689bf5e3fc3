// The metrics of one services instance: counters, gauges and histograms by name
// and labels.
//
// A registry is handed to whoever measures, by reference; there is no global one.
// Register in a constructor, keep the pointer, and count through it:
//
//   auto hits = registry.add_counter("dbs_cache_hits_total", "Reads answered by L1.",
//                                    {{"namespace", "product"}});
//   if (!hits)
//     return hits.error();
//   (*hits)->add();
//
// Registering the same series again returns the same object, so that a restarted
// manager continues where its predecessor stopped.
#pragma once

#include "dbs/runtime/observe/histogram.hpp"

#include <caf/expected.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace dbs::observe {

/// Names and values of a series, in the order of registration.
using labels = std::vector<std::pair<std::string, std::string>>;

// -- instruments -----------------------------------------------------------------

/// Only grows. Takes 1 KiB: every thread adds on a cache line that, as long as
/// there are not more than 16 busy threads, no other thread writes.
class counter {
public:
  counter() = default;
  counter(const counter&) = delete;
  counter& operator=(const counter&) = delete;

  /// From any thread: one relaxed addition.
  void add(uint64_t n = 1) noexcept {
    shards_[this_shard()].value.fetch_add(n, std::memory_order_relaxed);
  }

  uint64_t value() const noexcept;

private:
  static constexpr size_t shard_count = 16;

  struct alignas(64) shard {
    std::atomic<uint64_t> value{0};
  };

  static size_t this_shard() noexcept {
    constexpr size_t unknown = shard_count;
    thread_local size_t index = unknown;
    if (index == unknown)
      index = hash_of_thread() % shard_count;
    return index;
  }

  static size_t hash_of_thread() noexcept;

  std::array<shard, shard_count> shards_;
};

/// Goes up and down. From any thread.
class gauge {
public:
  gauge() = default;
  gauge(const gauge&) = delete;
  gauge& operator=(const gauge&) = delete;

  void set(double x) noexcept { value_.store(x, std::memory_order_relaxed); }
  void add(double x) noexcept { value_.fetch_add(x, std::memory_order_relaxed); }
  double value() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
  std::atomic<double> value_{0};
};

/// Keeps a callback gauge registered. Its destructor waits for a callback that is
/// running; afterwards the callback is not called any more. Not to be destroyed
/// from within the callback. May outlive the registry.
class gauge_callback {
public:
  struct slot;

  gauge_callback() = default;
  explicit gauge_callback(std::shared_ptr<slot> ptr) : slot_(std::move(ptr)) {}
  gauge_callback(gauge_callback&&) noexcept = default;
  gauge_callback& operator=(gauge_callback&& other) noexcept;
  ~gauge_callback() { reset(); }

  void reset() noexcept;

private:
  std::shared_ptr<slot> slot_;
};

// -- what a scrape reads ---------------------------------------------------------

enum class metric_kind : uint8_t { counter, gauge, histogram };

struct series_snapshot {
  labels label_set;
  std::variant<uint64_t, double, histogram_snapshot> value;
};

struct family_snapshot {
  std::string name;
  std::string help;
  metric_kind kind = metric_kind::counter;
  std::vector<series_snapshot> series;
};

// -- the registry ----------------------------------------------------------------

struct registry_options {
  size_t max_families = 500;
  /// Per family. Whatever is registered beyond is counted in one more series
  /// whose label values are all "overflow".
  size_t max_series = 1000;
};

/// All functions may be called from any thread. What they return stays valid as
/// long as the registry lives.
///
/// Names are `dbs_<component>_<what>_<unit>` in lower case; a counter's ends with
/// `_total`, a histogram's with `_seconds`, and a gauge may do without a unit when
/// its name says what is counted (`dbs_cache_entries`). A family has at most 4
/// labels, with the same names, in the same order, for all its series; their
/// values are UTF-8 of at most 128 bytes.
///
/// `invalid_argument` is returned when a name, a label or the help text breaks
/// these rules, and when a name is taken by a family of another kind, other label
/// names or other help; `overloaded` when there are too many families.
class registry {
public:
  static constexpr size_t max_labels = 4;
  static constexpr size_t max_label_bytes = 128;
  static constexpr size_t max_name_bytes = 128;

  explicit registry(registry_options options = {});
  ~registry();

  registry(const registry&) = delete;
  registry& operator=(const registry&) = delete;

  caf::expected<counter*> add_counter(const std::string& name, const std::string& help,
                                      const labels& label_set = {});

  caf::expected<gauge*> add_gauge(const std::string& name, const std::string& help,
                                  const labels& label_set = {});

  caf::expected<histogram*> add_histogram(const std::string& name, const std::string& help,
                                          const labels& label_set = {});

  /// A gauge that is asked when the registry is scraped, on the scraping thread.
  /// Registering it again replaces the callback; a series that was made by
  /// `add_gauge` cannot be replaced, nor can there be more of them than
  /// `max_series` (`overloaded`).
  caf::expected<gauge_callback> add_gauge_callback(const std::string& name, const std::string& help,
                                                   const labels& label_set,
                                                   std::function<double()> read);

  /// Reads everything, ordered by name and label values. Callbacks are called
  /// without a lock of the registry being held.
  std::vector<family_snapshot> collect() const;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace dbs::observe
