// The distribution of durations: recorded lock-free, merged over threads and
// nodes, with percentiles that are exact within 1 %.
//
// Use it for every latency. Averages of averages and percentiles of percentiles
// are meaningless; snapshots of this histogram add up instead.
//
// The algorithm is the log-linear bucketing of HdrHistogram (Gil Tene,
// hdrhistogram.org): every power of two is divided into 64 buckets of equal
// width. A bucket is at most 1/64 of its lower bound wide and is reported by its
// middle, so a percentile is off by at most 1/128 = 0.8 %.
#pragma once

#include "dbs/messages/latency_summary.hpp"

#include <caf/timespan.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace dbs::observe {

/// The buckets that all histograms share.
struct histogram_layout {
  /// Durations outside are clamped to this range and counted as clamped.
  static constexpr uint64_t min_ns = 100;
  static constexpr uint64_t max_ns = 3'600'000'000'000;

  static constexpr unsigned sub_bucket_bits = 6;
  static constexpr uint64_t sub_buckets = uint64_t{1} << sub_bucket_bits;

  /// The bucket of a value between `min_ns` and `max_ns`.
  static size_t index_of(uint64_t ns) noexcept;

  /// The smallest value of a bucket.
  static uint64_t lower_bound(size_t index) noexcept;

  /// What stands for the values of a bucket: its middle.
  static uint64_t middle(size_t index) noexcept;

  /// Covers 2^6 ns to 2^42 ns.
  static constexpr unsigned min_exponent = 6;
  static constexpr unsigned max_exponent = 41;
  static constexpr size_t size = (max_exponent - min_exponent + 1) * sub_buckets;
};

/// What a histogram held at one moment. Plain data: copy, merge and send it.
class histogram_snapshot {
public:
  using layout = histogram_layout;

  uint64_t count() const noexcept { return count_; }

  /// Of the clamped values, in ns.
  uint64_t sum_ns() const noexcept { return sum_; }

  caf::timespan sum() const noexcept { return caf::timespan{static_cast<int64_t>(sum_)}; }

  /// Zero when nothing was recorded; so are `max` and every quantile.
  caf::timespan mean() const noexcept;

  /// Exact, but for clamping.
  caf::timespan max() const noexcept { return caf::timespan{static_cast<int64_t>(max_)}; }

  /// The smallest recorded value that at least `q` of all values do not exceed,
  /// within 1 %. `q` is clamped to 0..1.
  caf::timespan quantile(double q) const noexcept;

  /// How many values are at most `limit`. Values up to 1.6 % above it may be
  /// counted too, because they share its bucket; none below is missed.
  uint64_t count_up_to(caf::timespan limit) const noexcept;

  /// Values that were below or above the range.
  uint64_t clamped_low() const noexcept { return clamped_low_; }
  uint64_t clamped_high() const noexcept { return clamped_high_; }

  /// Adds what `other` has: the result is what one histogram would hold that had
  /// recorded the values of both.
  void merge(const histogram_snapshot& other);

  /// What was recorded after `earlier`, a former snapshot of the same histogram. Its
  /// maximum is exact if it is the highest so far, else within 1 %.
  histogram_snapshot since(const histogram_snapshot& earlier) const;

  friend bool operator==(const histogram_snapshot&, const histogram_snapshot&) = default;

private:
  friend class histogram;

  /// Empty while nothing was recorded, else `layout::size` entries.
  std::vector<uint64_t> buckets_;
  uint64_t count_ = 0;
  uint64_t sum_ = 0;
  uint64_t max_ = 0;
  uint64_t clamped_low_ = 0;
  uint64_t clamped_high_ = 0;
};

/// Takes 18 KiB, whatever is recorded. `record` may be called from any thread; it
/// costs two relaxed additions and, for a new maximum, one exchange.
class histogram {
public:
  histogram() = default;
  histogram(const histogram&) = delete;
  histogram& operator=(const histogram&) = delete;

  void record(caf::timespan duration) noexcept;

  /// May be called while others record: what they add meanwhile is in this
  /// snapshot or in the next one.
  histogram_snapshot snapshot() const;

private:
  std::array<std::atomic<uint64_t>, histogram_layout::size> buckets_{};
  std::atomic<uint64_t> sum_{0};
  std::atomic<uint64_t> max_{0};
  std::atomic<uint64_t> clamped_low_{0};
  std::atomic<uint64_t> clamped_high_{0};
};

/// The summary that statistics report.
latency_summary summarize(const histogram_snapshot& snapshot);

} // namespace dbs::observe
