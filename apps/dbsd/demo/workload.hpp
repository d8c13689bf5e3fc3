// The demo's load: actors that read and buy products through the public clients.
#pragma once

#include "dbs/actors/client/cache_client.hpp"
#include "dbs/actors/client/database_client.hpp"
#include "dbs/runtime/observe/histogram.hpp"

#include <caf/actor_system.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>

namespace dbs::demo {

enum class operation : uint8_t { read_product, list_category, change_price, purchase };

inline constexpr std::array operation_names{"read product", "list category", "change price",
                                            "purchase (transaction)"};

/// Where a product was read from, in the order of `cache_source`.
inline constexpr std::array source_names{"nowhere", "L1 (memory)", "L2 (Redis)", "L3 (PostgreSQL)",
                                         "loader (SQL)"};

/// What all shoppers have done so far. Any thread.
struct workload_figures {
  std::array<observe::histogram, operation_names.size()> latency;
  /// Of reading a product.
  std::array<observe::histogram, source_names.size()> by_source;
  std::atomic<uint64_t> done{0};
  std::atomic<uint64_t> failed{0};
};

struct workload_options {
  int shoppers = 1;
  std::chrono::seconds duration{10};
  /// Lets every shopper finish what it is at.
  std::stop_token stop;
};

/// What the functions below answer after a stop request.
caf::error ended_early();

/// Loads the catalogue; `on_progress` is told how many rows were sent.
caf::error load_catalogue(caf::actor_system& system, const database_client& database,
                          const std::stop_token& stop,
                          const std::function<void(int32_t)>& on_progress);

/// Has the cache load products with SQL.
caf::error register_products(const cache_client& cache);

/// Runs the shoppers and returns when the last has finished.
/// `on_progress` is called about twice a second on the calling thread.
void run_workload(caf::actor_system& system, const database_client& database,
                  const cache_client& cache, const std::shared_ptr<workload_figures>& figures,
                  const workload_options& how, const std::function<void()>& on_progress);

} // namespace dbs::demo
