// The usual LRU cache: a list, an unordered_map, and a mutex round both.
#pragma once

#include <cstddef>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace dbs::bench {

class mutex_lru {
public:
  explicit mutex_lru(size_t entries) : limit_(entries) { index_.reserve(entries); }

  void put(std::string_view key, std::string_view value) {
    std::lock_guard guard{mutex_};
    if (auto at = index_.find(key); at != index_.end()) {
      at->second->value = value;
      return order_.splice(order_.begin(), order_, at->second);
    }
    if (index_.size() >= limit_) {
      index_.erase(order_.back().key);
      order_.pop_back();
    }
    order_.push_front({std::string{key}, std::string{value}});
    index_.emplace(order_.front().key, order_.begin());
  }

  bool find(std::string_view key, std::string& to) {
    std::lock_guard guard{mutex_};
    auto at = index_.find(key);
    if (at == index_.end())
      return false;
    order_.splice(order_.begin(), order_, at->second);
    to.assign(at->second->value);
    return true;
  }

private:
  struct item {
    std::string key;
    std::string value;
  };

  std::mutex mutex_;
  size_t limit_;
  /// The one that was used last in front.
  std::list<item> order_;
  /// Keys are those of the items.
  std::unordered_map<std::string_view, std::list<item>::iterator> index_;
};

} // namespace dbs::bench
