// Things by number, whose memory is used again.
#pragma once

#include <cstddef>
#include <deque>
#include <vector>

namespace dbs::cache {

/// Things stay where they are. A number that was given back is given out again, with what the
/// thing has kept: whoever takes one sets what it needs.
template <class T>
class slab {
public:
  size_t take() {
    ++used_;
    if (free_.empty()) {
      all_.emplace_back();
      in_use_.push_back(true);
      return all_.size() - 1;
    }
    auto result = free_.back();
    free_.pop_back();
    in_use_[result] = true;
    return result;
  }

  void give_back(size_t index) {
    --used_;
    in_use_[index] = false;
    free_.push_back(index);
  }

  T& operator[](size_t index) noexcept { return all_[index]; }

  /// How many are taken.
  size_t used() const noexcept { return used_; }

  /// Calls `f` with those that are taken. It must not take or give back any.
  template <class F>
  void for_each(F f) {
    for (size_t i = 0; i < all_.size(); ++i)
      if (in_use_[i])
        f(all_[i]);
  }

private:
  std::deque<T> all_;
  std::vector<bool> in_use_;
  std::vector<size_t> free_;
  size_t used_ = 0;
};

} // namespace dbs::cache
