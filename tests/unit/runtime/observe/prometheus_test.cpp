#include "dbs/runtime/observe/prometheus.hpp"

#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <ctime>
#include <limits>
#include <string>

using namespace dbs::observe;

TEST_CASE("the text format is as specified", "[observe][prometheus]") {
  registry metrics;
  auto hits = metrics.add_counter("dbs_cache_hits_total", "Reads \\ answered\nby L1.",
                                  {{"level", "l1"}, {"namespace", "a \"b\" \\ c\nd"}});
  auto idle = metrics.add_gauge("dbs_postgres_idle_connections", "Idle connections.");
  auto load = metrics.add_gauge("dbs_postgres_utilization", "Share.");
  auto query =
      metrics.add_histogram("dbs_postgres_query_seconds", "Statements.", {{"kind", "read"}});
  REQUIRE((hits && idle && load && query));
  (*hits)->add(12);
  (*idle)->set(0.25);
  (*load)->set(std::numeric_limits<double>::infinity());
  (*query)->record(std::chrono::microseconds{90});
  (*query)->record(std::chrono::milliseconds{1});
  (*query)->record(std::chrono::milliseconds{1});
  (*query)->record(std::chrono::seconds{20});

  CHECK(to_prometheus(metrics.collect()) ==
        R"(# HELP dbs_cache_hits_total Reads \\ answered\nby L1.
# TYPE dbs_cache_hits_total counter
dbs_cache_hits_total{level="l1",namespace="a \"b\" \\ c\nd"} 12
# HELP dbs_postgres_idle_connections Idle connections.
# TYPE dbs_postgres_idle_connections gauge
dbs_postgres_idle_connections 0.25
# HELP dbs_postgres_query_seconds Statements.
# TYPE dbs_postgres_query_seconds histogram
dbs_postgres_query_seconds_bucket{kind="read",le="0.0001"} 1
dbs_postgres_query_seconds_bucket{kind="read",le="0.00025"} 1
dbs_postgres_query_seconds_bucket{kind="read",le="0.0005"} 1
dbs_postgres_query_seconds_bucket{kind="read",le="0.001"} 3
dbs_postgres_query_seconds_bucket{kind="read",le="0.0025"} 3
dbs_postgres_query_seconds_bucket{kind="read",le="0.005"} 3
dbs_postgres_query_seconds_bucket{kind="read",le="0.01"} 3
dbs_postgres_query_seconds_bucket{kind="read",le="0.025"} 3
dbs_postgres_query_seconds_bucket{kind="read",le="0.05"} 3
dbs_postgres_query_seconds_bucket{kind="read",le="0.1"} 3
dbs_postgres_query_seconds_bucket{kind="read",le="0.25"} 3
dbs_postgres_query_seconds_bucket{kind="read",le="0.5"} 3
dbs_postgres_query_seconds_bucket{kind="read",le="1"} 3
dbs_postgres_query_seconds_bucket{kind="read",le="2.5"} 3
dbs_postgres_query_seconds_bucket{kind="read",le="5"} 3
dbs_postgres_query_seconds_bucket{kind="read",le="10"} 3
dbs_postgres_query_seconds_bucket{kind="read",le="+Inf"} 4
dbs_postgres_query_seconds_sum{kind="read"} 20.00209
dbs_postgres_query_seconds_count{kind="read"} 4
# HELP dbs_postgres_utilization Share.
# TYPE dbs_postgres_utilization gauge
dbs_postgres_utilization +Inf
)");
}

TEST_CASE("an empty registry renders nothing", "[observe][prometheus]") {
  registry metrics;
  CHECK(to_prometheus(metrics.collect()).empty());
}

TEST_CASE("process figures are rendered in the usual names", "[observe][prometheus]") {
  process_stats stats;
  stats.resident_memory_bytes = 4096;
  stats.open_fds = 7;
  stats.cpu_seconds = 1.5;
  stats.start_time_seconds = 1'700'000'000.25;
  CHECK(to_prometheus(stats) ==
        R"(# HELP process_resident_memory_bytes Resident memory size in bytes.
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes 4096
# HELP process_open_fds Number of open file descriptors.
# TYPE process_open_fds gauge
process_open_fds 7
# HELP process_cpu_seconds_total Total user and system CPU time in seconds.
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total 1.5
# HELP process_start_time_seconds Start time of the process in seconds since the epoch.
# TYPE process_start_time_seconds gauge
process_start_time_seconds 1700000000.25
)");
}

TEST_CASE("process figures follow the process", "[observe][prometheus]") {
  auto before = read_process_stats();
  REQUIRE(before);
  CHECK(before->resident_memory_bytes > size_t{1} << 20);
  CHECK(before->resident_memory_bytes < size_t{1} << 40);
  // Started in the past, but not before this test was built.
  auto now = static_cast<double>(std::time(nullptr));
  CHECK(before->start_time_seconds <= now + 2);
  CHECK(before->start_time_seconds > now - 24 * 3600);

  auto fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  REQUIRE(fd >= 0);
  auto after = read_process_stats();
  ::close(fd);
  REQUIRE(after);
  CHECK(after->open_fds == before->open_fds + 1);
  CHECK(after->cpu_seconds >= before->cpu_seconds);
}
