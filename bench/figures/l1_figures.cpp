// Hits in L1, through a client of the cache, against caches that take locks.
#include "figures/all.hpp"
#include "peers/clock_cache.hpp"
#include "peers/mutex_lru.hpp"

#include "dbs/actors/client/cache_client.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace dbs::bench {

namespace {

constexpr size_t accesses = size_t{1} << 20;

constexpr size_t key_size = 20;
constexpr size_t value_size = 100;

/// Room for a value that no other thread's shares a cache line with.
constexpr size_t own_lines = 512;

/// Keys, and an order in which to read them: Zipf-distributed with exponent 0.99, the frequent
/// ones anywhere among the others. Whoever asks a cache has just made its key: to fetch one from
/// memory is not to count as the cache's time.
class key_sequence {
public:
  explicit key_sequence(size_t keys) {
    std::vector<double> sums(keys);
    double sum = 0;
    for (size_t i = 0; i < keys; ++i)
      sums[i] = sum += std::pow(static_cast<double>(i + 1), -0.99);
    std::vector<size_t> numbers(keys);
    std::iota(numbers.begin(), numbers.end(), size_t{0});
    std::mt19937_64 random{1};
    std::shuffle(numbers.begin(), numbers.end(), random);
    for (auto number : numbers)
      fmt::format_to(std::back_inserter(keys_), "key:{:016}", number);
    std::uniform_real_distribution<> anywhere{0, sum};
    for (size_t i = 0; i < accesses; ++i)
      order_.push_back(static_cast<uint32_t>(
          std::lower_bound(sums.begin(), sums.end() - 1, anywhere(random)) - sums.begin()));
  }

  size_t size() const noexcept { return keys_.size() / key_size; }

  std::string_view key(size_t number) const noexcept {
    return {keys_.data() + number * key_size, key_size};
  }

  std::string_view at(size_t i) const noexcept {
    constexpr size_t ahead = 8;
    __builtin_prefetch(key(order_[(i + ahead) % accesses]).data());
    return key(order_[i % accesses]);
  }

private:
  std::string keys_;
  std::vector<uint32_t> order_;
};

/// All keys are in. Every thread begins somewhere else in the sequence.
template <class Cache>
class filled {
public:
  filled(Cache& cache, const key_sequence& keys) : cache_(cache), keys_(keys) {
    std::string value(value_size, 'x');
    for (size_t i = 0; i < keys.size(); ++i)
      cache_.put(keys.key(i), value);
  }

  /// Hits per second and thread.
  double rate(size_t threads) {
    std::atomic<size_t> hits{0};
    std::atomic<size_t> ready{0};
    std::vector<double> seconds(threads);
    std::vector<std::thread> running;
    for (size_t t = 0; t < threads; ++t)
      running.emplace_back([&, t] {
        std::string value;
        value.reserve(own_lines);
        size_t found = 0;
        auto from = t * accesses / threads;
        for (size_t i = 0; i < accesses / 4; ++i) // warm-up
          found += cache_.find(keys_.at(from + i), value) ? 1 : 0;
        ++ready;
        while (ready < threads)
          std::this_thread::yield();
        found = 0;
        auto began = std::chrono::steady_clock::now();
        for (size_t i = 0; i < accesses; ++i)
          found += cache_.find(keys_.at(from + i), value) ? 1 : 0;
        seconds[t] =
            std::chrono::duration<double>{std::chrono::steady_clock::now() - began}.count();
        hits += found;
      });
    for (auto& x : running)
      x.join();
    if (hits != threads * accesses)
      throw std::runtime_error("a key is missing");
    double sum = 0;
    for (auto x : seconds)
      sum += x;
    return static_cast<double>(threads * accesses) / sum;
  }

private:
  Cache& cache_;
  const key_sequence& keys_;
};

/// What clients of the cache read, with room for twice as many, so that no shard is full. Nobody
/// is behind it: everything is there.
class cache_memory_under_test {
public:
  explicit cache_memory_under_test(size_t keys)
      : memory_(std::make_shared<cache::cache_memory>(settings(keys))),
        client_(cache_actor{}, memory_) {}

  void put(std::string_view key, std::string_view value) { memory_->l1.put(key, value); }

  bool find(std::string_view key, std::string& to) const { return client_.find(key, to); }

  /// As `cache.l1` does from time to time.
  void maintain() const {
    while (memory_->l1.maintain()) {
    }
  }

  /// Of one entry, beyond key and value.
  double overhead(size_t key_and_value) const {
    auto stats = memory_->l1.stats();
    return static_cast<double>(stats.bytes) / static_cast<double>(stats.entries) -
           static_cast<double>(key_and_value);
  }

private:
  static cache_settings settings(size_t keys) {
    cache_settings result;
    result.l1_size = static_cast<uint32_t>(2 * keys);
    result.l1_mib = 1024;
    return result;
  }

  std::shared_ptr<cache::cache_memory> memory_;
  cache_client client_;
};

class store_under_test {
public:
  explicit store_under_test(const key_sequence& keys)
      : memory_(keys.size()), filled_(memory_, keys) {
    memory_.maintain();
  }

  double rate(size_t threads) { return filled_.rate(threads); }

  double overhead() const { return memory_.overhead(key_size + value_size); }

private:
  cache_memory_under_test memory_;
  filled<cache_memory_under_test> filled_;
};

class overhead : public contest {
public:
  explicit overhead(size_t keys) : keys_(keys), store_(keys_) {}

  reading round(bool) override { return {store_.overhead()}; }

private:
  key_sequence keys_;
  store_under_test store_;
};

double ns_of(double rate) {
  return 1e9 / rate;
}

class hit_time : public contest {
public:
  hit_time(size_t keys, size_t threads) : keys_(keys), threads_(threads), store_(keys_) {}

  reading round(bool) override { return {ns_of(store_.rate(threads_))}; }

private:
  key_sequence keys_;
  size_t threads_;
  store_under_test store_;
};

/// The time of a hit on two threads against that on one.
class scaling : public duel {
public:
  explicit scaling(size_t keys) : keys_(keys), store_(keys_) {}

protected:
  double ours() override { return ns_of(store_.rate(2)); }
  double peer() override { return ns_of(store_.rate(1)); }

private:
  key_sequence keys_;
  store_under_test store_;
};

template <class Peer>
class hit_duel : public duel {
public:
  hit_duel(size_t keys, size_t threads)
      : keys_(keys), threads_(threads), store_(keys_), peer_cache_(2 * keys),
        peer_(peer_cache_, keys_) {}

protected:
  double ours() override { return ns_of(store_.rate(threads_)); }
  double peer() override { return ns_of(peer_.rate(threads_)); }

private:
  key_sequence keys_;
  size_t threads_;
  store_under_test store_;
  Peer peer_cache_;
  filled<Peer> peer_;
};

} // namespace

std::vector<figure> l1_figures() {
  constexpr size_t few = 10'000;
  constexpr size_t many = 1'000'000;
  auto lru = "list + unordered_map LRU, one mutex";
  auto clock = "CLOCK on boost's flat map, 64 shared mutexes";
  return {
      {"l1_hit_10k", "ns", placement::free, "", "<= 60", make<hit_time>(few, size_t{1})},
      {"l1_hit_10k_2_threads", "ns", placement::free, "the same on one thread", "<= 1.2",
       make<scaling>(few)},
      {"l1_hit_1m_vs_lru", "ns", placement::free, lru, "<= 0.6",
       make<hit_duel<mutex_lru>>(many, size_t{1})},
      {"l1_hit_1m_vs_lru_2_threads", "ns", placement::free, lru, "<= 0.25",
       make<hit_duel<mutex_lru>>(many, size_t{2})},
      {"l1_hit_1m_vs_clock", "ns", placement::free, clock, "<= 1",
       make<hit_duel<clock_cache>>(many, size_t{1})},
      {"l1_hit_1m_vs_clock_2_threads", "ns", placement::free, clock, "<= 1",
       make<hit_duel<clock_cache>>(many, size_t{2})},
      {"l1_entry_overhead", "bytes", placement::free, "", "<= 96", make<overhead>(many), 1},
  };
}

} // namespace dbs::bench
