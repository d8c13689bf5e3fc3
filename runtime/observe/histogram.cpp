#include "dbs/runtime/observe/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace dbs::observe {

namespace {

constexpr auto relaxed = std::memory_order_relaxed;

} // namespace

// -- buckets ---------------------------------------------------------------------

size_t histogram_layout::index_of(uint64_t ns) noexcept {
  auto exponent = static_cast<unsigned>(std::bit_width(ns)) - 1;
  auto sub = (ns >> (exponent - sub_bucket_bits)) & (sub_buckets - 1);
  return ((exponent - min_exponent) << sub_bucket_bits) + sub;
}

uint64_t histogram_layout::lower_bound(size_t index) noexcept {
  auto shift = index >> sub_bucket_bits;
  return (sub_buckets + (index & (sub_buckets - 1))) << shift;
}

uint64_t histogram_layout::middle(size_t index) noexcept {
  auto width = uint64_t{1} << (index >> sub_bucket_bits);
  return lower_bound(index) + width / 2;
}

static_assert(histogram_layout::sub_bucket_bits == histogram_layout::min_exponent,
              "lower_bound() relies on the first octave having buckets of width 1");

// -- histogram -------------------------------------------------------------------

void histogram::record(caf::timespan duration) noexcept {
  using layout = histogram_layout;
  auto signed_ns = duration.count();
  auto ns = signed_ns > 0 ? static_cast<uint64_t>(signed_ns) : 0;
  if (ns < layout::min_ns) {
    ns = layout::min_ns;
    clamped_low_.fetch_add(1, relaxed);
  } else if (ns > layout::max_ns) {
    ns = layout::max_ns;
    clamped_high_.fetch_add(1, relaxed);
  }
  buckets_[layout::index_of(ns)].fetch_add(1, relaxed);
  sum_.fetch_add(ns, relaxed);
  auto seen = max_.load(relaxed);
  while (ns > seen && !max_.compare_exchange_weak(seen, ns, relaxed)) {
  }
}

histogram_snapshot histogram::snapshot() const {
  using layout = histogram_layout;
  histogram_snapshot result;
  result.buckets_.resize(layout::size);
  size_t last = 0;
  for (size_t i = 0; i < layout::size; ++i) {
    auto n = buckets_[i].load(relaxed);
    result.buckets_[i] = n;
    result.count_ += n;
    if (n > 0)
      last = i;
  }
  if (result.count_ == 0) {
    result.buckets_.clear();
    return result;
  }
  result.sum_ = sum_.load(relaxed);
  // A record that is under way may have its bucket counted but not its maximum.
  result.max_ = std::max({max_.load(relaxed), layout::lower_bound(last), layout::min_ns});
  result.clamped_low_ = clamped_low_.load(relaxed);
  result.clamped_high_ = clamped_high_.load(relaxed);
  return result;
}

// -- histogram_snapshot ----------------------------------------------------------

caf::timespan histogram_snapshot::mean() const noexcept {
  return caf::timespan{count_ == 0 ? 0 : static_cast<int64_t>(sum_ / count_)};
}

caf::timespan histogram_snapshot::quantile(double q) const noexcept {
  if (count_ == 0)
    return caf::timespan{0};
  auto wanted = std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(count_));
  auto rank = std::clamp(static_cast<uint64_t>(wanted), uint64_t{1}, count_);
  if (rank == count_)
    return max();
  uint64_t seen = 0;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= rank)
      return caf::timespan{static_cast<int64_t>(std::min(layout::middle(i), max_))};
  }
  return max();
}

uint64_t histogram_snapshot::count_up_to(caf::timespan limit) const noexcept {
  if (count_ == 0 || limit.count() < static_cast<int64_t>(layout::min_ns))
    return 0;
  auto ns = std::min(static_cast<uint64_t>(limit.count()), layout::max_ns);
  auto last = layout::index_of(ns);
  uint64_t result = 0;
  for (size_t i = 0; i <= last; ++i)
    result += buckets_[i];
  return result;
}

void histogram_snapshot::merge(const histogram_snapshot& other) {
  if (other.count_ == 0)
    return;
  if (buckets_.empty())
    buckets_.resize(layout::size);
  for (size_t i = 0; i < layout::size; ++i)
    buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
  clamped_low_ += other.clamped_low_;
  clamped_high_ += other.clamped_high_;
}

histogram_snapshot histogram_snapshot::since(const histogram_snapshot& earlier) const {
  if (earlier.count_ == 0)
    return *this;
  histogram_snapshot result;
  if (count_ == earlier.count_)
    return result;
  result.buckets_.resize(layout::size);
  size_t last = 0;
  for (size_t i = 0; i < layout::size; ++i) {
    auto n = buckets_[i] - earlier.buckets_[i];
    result.buckets_[i] = n;
    result.count_ += n;
    if (n > 0)
      last = i;
  }
  // Sums and buckets are not read at one moment; later snapshots set that right.
  result.sum_ = sum_ > earlier.sum_ ? sum_ - earlier.sum_ : 0;
  result.max_ = max_ > earlier.max_ ? max_ : std::min(layout::middle(last), max_);
  result.clamped_low_ = clamped_low_ - earlier.clamped_low_;
  result.clamped_high_ = clamped_high_ - earlier.clamped_high_;
  return result;
}

latency_summary summarize(const histogram_snapshot& snapshot) {
  latency_summary result;
  result.count = snapshot.count();
  result.avg = snapshot.mean();
  result.p50 = snapshot.quantile(0.5);
  result.p95 = snapshot.quantile(0.95);
  result.p99 = snapshot.quantile(0.99);
  result.max = snapshot.max();
  return result;
}

} // namespace dbs::observe
