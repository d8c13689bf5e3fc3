// Metrics in Prometheus' text format, version 0.0.4, and the process's own
// figures from /proc.
#pragma once

#include "dbs/runtime/observe/metrics.hpp"

#include <caf/expected.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dbs::observe {

/// For the Content-Type header.
inline constexpr std::string_view prometheus_content_type =
    "text/plain; version=0.0.4; charset=utf-8";

/// Renders what `registry::collect` returned. Histograms come in seconds with the
/// buckets 100 us, 250 us, 500 us, 1 ms, ... 10 s; a value up to 1.6 % above a
/// bucket's bound may be counted in it.
std::string to_prometheus(const std::vector<family_snapshot>& families);

struct process_stats {
  uint64_t resident_memory_bytes = 0;
  uint64_t open_fds = 0;
  double cpu_seconds = 0;
  /// Since the epoch, of the wall clock.
  double start_time_seconds = 0;
};

/// Reads /proc of this process, which blocks no longer than a few system calls.
/// `not_found` if /proc cannot be read.
caf::expected<process_stats> read_process_stats();

/// Renders process_resident_memory_bytes, process_open_fds,
/// process_cpu_seconds_total and process_start_time_seconds.
std::string to_prometheus(const process_stats& stats);

} // namespace dbs::observe
