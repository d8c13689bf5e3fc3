#include "demo.hpp"

#include "catalogue.hpp"
#include "workload.hpp"

#include "dbs/actors/http/health_json.hpp"

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include <unistd.h>

#include <cstdio>

namespace dbs::demo {

namespace {

constexpr int shoppers = 64;

double in_ms(caf::timespan x) {
  return std::chrono::duration<double, std::milli>{x}.count();
}

/// Rewrites one line on a terminal, and is silent elsewhere.
class progress_line {
public:
  ~progress_line() {
    if (terminal_)
      fmt::print("\r\033[K");
    std::fflush(stdout);
  }

  void show(const std::string& text) const {
    if (!terminal_)
      return;
    fmt::print("\r{}\033[K", text);
    std::fflush(stdout);
  }

private:
  bool terminal_ = ::isatty(STDOUT_FILENO) == 1;
};

void print_figures(const workload_figures& figures, double seconds) {
  fmt::print("\n{:<24} {:>10} {:>9} {:>9} {:>9}\n", "operation", "op/s", "p50 ms", "p95 ms",
             "p99 ms");
  for (size_t i = 0; i < operation_names.size(); ++i) {
    auto x = observe::summarize(figures.latency[i].snapshot());
    fmt::print("{:<24} {:>10.0f} {:>9.3f} {:>9.3f} {:>9.3f}\n", operation_names[i],
               static_cast<double>(x.count) / seconds, in_ms(x.p50), in_ms(x.p95), in_ms(x.p99));
  }
  fmt::print("{:<24} {:>10.0f}    {} failed\n", "all",
             static_cast<double>(figures.done.load()) / seconds, figures.failed.load());
}

/// Where the products came from that were read.
void print_levels(const workload_figures& figures, double seconds) {
  fmt::print("\n{:<24} {:>10} {:>9} {:>9} {:>9} {:>7}\n", "products read from", "op/s", "p50 ms",
             "p95 ms", "p99 ms", "share");
  uint64_t all = 0;
  for (auto& x : figures.by_source)
    all += x.snapshot().count();
  for (size_t i = 0; i < source_names.size(); ++i) {
    auto x = observe::summarize(figures.by_source[i].snapshot());
    if (x.count == 0)
      continue;
    fmt::print("{:<24} {:>10.0f} {:>9.3f} {:>9.3f} {:>9.3f} {:>6.1f}%\n", source_names[i],
               static_cast<double>(x.count) / seconds, in_ms(x.p50), in_ms(x.p95), in_ms(x.p99),
               100.0 * static_cast<double>(x.count) / static_cast<double>(all));
  }
}

void print_cache(const cache_stats& x) {
  fmt::print(
      "\ncache: {} of {} entries in memory, {:.1f} MiB, hit rate L1 {:.3f}, L2 {:.3f} of what "
      "L1 missed; {} loads, {} joined one, {} errors; {} keys erased\n",
      x.entries, x.capacity, static_cast<double>(x.bytes) / (1 << 20), x.l1.hit_rate, x.l2.hit_rate,
      x.loads, x.joins, x.load_errors, x.erasures);
}

void print_pool(const pool_stats& x) {
  fmt::print("\npool: size {} + {} overflow, {} active, {} idle, {} waiting, utilization {:.2f}\n",
             x.pool_size, x.max_overflow, x.active_connections, x.idle, x.waiting, x.utilization);
  auto line = [](const char* name, const latency_summary& y) {
    fmt::print("      {:<8} p50 {:.3f} ms, p95 {:.3f} ms, p99 {:.3f} ms, max {:.3f} ms\n", name,
               in_ms(y.p50), in_ms(y.p95), in_ms(y.p99), in_ms(y.max));
  };
  line("acquire", x.acquire);
  line("query", x.query);
  line("hold", x.hold);
}

} // namespace

caf::error run(caf::actor_system& system, const database_services& services, const options& how) {
  auto database = services.database();
  fmt::print("loading {} generated products through the pool ...\n", product_count);
  std::fflush(stdout);
  auto started = std::chrono::steady_clock::now();
  auto elapsed = [&started] {
    return std::chrono::duration<double>{std::chrono::steady_clock::now() - started}.count();
  };
  {
    progress_line line;
    auto problem = load_catalogue(system, database, how.stop, [&](int32_t rows) {
      line.show(fmt::format("  {} rows, {:.0f} rows/s", rows, rows / elapsed()));
    });
    if (problem)
      return problem;
  }
  auto cache = services.cache();
  if (auto problem = register_products(cache))
    return problem;
  fmt::print("loaded in {:.1f} s\n\nrunning {} shoppers for {} s: 90 % read a product (Zipf 0.99) "
             "through the cache, 5 % list a category, 3 % change a price, 2 % buy in a "
             "transaction ...\n",
             elapsed(), shoppers, how.duration.count());
  std::fflush(stdout);
  auto figures = std::make_shared<workload_figures>();
  started = std::chrono::steady_clock::now();
  {
    progress_line line;
    run_workload(system, database, cache, figures, {shoppers, how.duration, how.stop}, [&] {
      line.show(fmt::format("  {:4.1f} s  {:.0f} op/s  {} failed", elapsed(),
                            static_cast<double>(figures->done.load()) / elapsed(),
                            figures->failed.load()));
    });
  }
  if (how.stop.stop_requested())
    return ended_early();
  auto seconds = elapsed();
  print_figures(*figures, seconds);
  print_levels(*figures, seconds);
  auto of_cache = cache.sync(system).get_stats();
  if (!of_cache)
    return std::move(of_cache.error());
  print_cache(*of_cache);
  auto stats = database.sync(system).stats();
  if (!stats)
    return std::move(stats.error());
  print_pool(*stats);
  auto health = services.health().check_health_sync(system);
  if (!health)
    return std::move(health.error());
  fmt::print("\nhealth: {}\n", to_json(*health).dump(2));
  std::fflush(stdout);
  return {};
}

} // namespace dbs::demo
