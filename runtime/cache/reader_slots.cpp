#include "dbs/runtime/cache/reader_slots.hpp"

#include <algorithm>
#include <bitset>
#include <limits>
#include <new>

namespace dbs::cache {

/// Which numbers living threads have. The numbers are all that the instances in a
/// process share.
class thread_numbers {
public:
  static thread_numbers& instance() {
    // Never destroyed: threads may outlive static objects.
    static auto* numbers = new thread_numbers;
    return *numbers;
  }

  /// `reader_slots::max_threads` if all are taken.
  size_t take() {
    std::lock_guard guard{mutex_};
    size_t result = 0;
    while (result < taken_.size() && taken_[result])
      ++result;
    if (result < taken_.size())
      taken_.set(result);
    return result;
  }

  /// At the end of a thread.
  struct keeper {
    ~keeper() {
      auto number = reader_slots::number_;
      // Destructors that run later in this thread must not get another number.
      reader_slots::number_ = reader_slots::max_threads;
      if (number < reader_slots::max_threads)
        instance().give_back(number);
    }
  };

private:
  void give_back(size_t number) {
    std::lock_guard guard{mutex_};
    taken_.reset(number);
  }

  std::mutex mutex_;
  std::bitset<reader_slots::max_threads> taken_;
};

reader_slots::~reader_slots() {
  for (auto& x : blocks_)
    delete x.load(std::memory_order_relaxed);
}

size_t reader_slots::enrol() noexcept {
  thread_local thread_numbers::keeper keeper;
  number_ = thread_numbers::instance().take();
  return number_;
}

reader_slots::block* reader_slots::add_block(size_t index) noexcept {
  std::lock_guard guard{adding_};
  auto* there = blocks_[index].load(std::memory_order_relaxed);
  if (there == nullptr) {
    there = new (std::nothrow) block;
    // Sequentially consistent, because `oldest_reader` must not miss a pin in it.
    blocks_[index].store(there, std::memory_order_seq_cst);
  }
  return there;
}

uint64_t reader_slots::oldest_reader() noexcept {
  epoch_.fetch_add(1, std::memory_order_seq_cst);
  auto result = std::numeric_limits<uint64_t>::max();
  for (auto& x : blocks_)
    if (auto* there = x.load(std::memory_order_seq_cst))
      for (auto& s : there->slots)
        if (auto e = s.pinned.load(std::memory_order_seq_cst); e != 0)
          result = std::min(result, e);
  return result;
}

uint64_t reader_slots::total(size_t which) const noexcept {
  uint64_t result = 0;
  for (auto& x : blocks_)
    if (auto* there = x.load(std::memory_order_acquire))
      for (auto& s : there->slots)
        result += s.counts[which].load(std::memory_order_relaxed);
  return result;
}

} // namespace dbs::cache
