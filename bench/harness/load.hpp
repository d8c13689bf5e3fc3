// What a run of requests, one after the other on each connection or caller, gives.
#pragma once

#include "dbs/runtime/observe/histogram.hpp"

#include <chrono>
#include <stdexcept>

namespace dbs::bench {

/// How long both sides run before it counts, and how long it counts.
struct window {
  std::chrono::milliseconds warm_up{1000};
  std::chrono::milliseconds counted{1500};
};

struct load_summary {
  double per_second = 0;
  double p50_us = 0;
  double p99_us = 0;
};

/// Takes the latencies of those requests that began and ended inside the window.
class load_recorder {
public:
  using clock = std::chrono::steady_clock;

  /// The warm-up begins now.
  explicit load_recorder(window how)
      : counted_(how.counted), from_(clock::now() + how.warm_up), end_(from_ + how.counted) {}

  /// Whether a request may still begin at `now`.
  bool open(clock::time_point now) const noexcept { return now < end_; }

  /// May be called from any thread.
  void record(clock::time_point began, clock::time_point ended) noexcept {
    if (began >= from_ && ended <= end_)
      latency_.record(ended - began);
  }

  /// Throws `std::runtime_error` if nothing was recorded.
  load_summary summarize() const {
    auto x = observe::summarize(latency_.snapshot());
    if (x.count == 0)
      throw std::runtime_error("not one request has ended within the time that counts");
    auto us = [](caf::timespan t) { return std::chrono::duration<double, std::micro>{t}.count(); };
    return {static_cast<double>(x.count) / std::chrono::duration<double>{counted_}.count(),
            us(x.p50), us(x.p99)};
  }

private:
  std::chrono::milliseconds counted_;
  clock::time_point from_;
  clock::time_point end_;
  observe::histogram latency_;
};

} // namespace dbs::bench
