// A fast cache without lock-free reading: CLOCK on boost's flat map, 64 shards, each under
// a shared mutex that readers take together.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>

namespace dbs::bench {

class clock_cache {
public:
  explicit clock_cache(size_t entries) {
    for (auto& x : shards_)
      x = std::make_unique<shard>(entries / shard_count + 1);
  }

  void put(std::string_view key, std::string_view value) { of(key).put(key, value); }

  bool find(std::string_view key, std::string& to) { return of(key).find(key, to); }

private:
  static constexpr size_t shard_count = 64;

  struct item {
    std::string key;
    std::string value;
    std::atomic<bool> used{false};
  };

  class shard {
  public:
    explicit shard(size_t limit) : items_(std::make_unique<item[]>(limit)), limit_(limit) {
      index_.reserve(limit);
    }

    void put(std::string_view key, std::string_view value) {
      std::unique_lock guard{mutex_};
      if (auto at = index_.find(key); at != index_.end()) {
        items_[at->second].value = value;
        return;
      }
      auto place = size_;
      if (size_ < limit_) {
        ++size_;
      } else {
        while (items_[hand_].used.exchange(false, std::memory_order_relaxed))
          hand_ = (hand_ + 1) % limit_;
        place = hand_;
        hand_ = (hand_ + 1) % limit_;
        index_.erase(items_[place].key);
      }
      items_[place].key = key;
      items_[place].value = value;
      index_.emplace(items_[place].key, static_cast<uint32_t>(place));
    }

    bool find(std::string_view key, std::string& to) {
      std::shared_lock guard{mutex_};
      auto at = index_.find(key);
      if (at == index_.end())
        return false;
      auto& x = items_[at->second];
      if (!x.used.load(std::memory_order_relaxed))
        x.used.store(true, std::memory_order_relaxed);
      to.assign(x.value);
      return true;
    }

  private:
    std::shared_mutex mutex_;
    std::unique_ptr<item[]> items_;
    size_t limit_;
    size_t size_ = 0;
    size_t hand_ = 0;
    /// Keys are those of the items.
    boost::unordered_flat_map<std::string_view, uint32_t> index_;
  };

  shard& of(std::string_view key) { return *shards_[std::hash<std::string_view>{}(key) >> 58]; }

  std::array<std::unique_ptr<shard>, shard_count> shards_;
};

} // namespace dbs::bench
