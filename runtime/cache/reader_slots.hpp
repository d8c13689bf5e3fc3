// Lets threads read a shared structure without locks, while others take parts of it out
// and free them: a part is freed when every thread that may still look at it is gone.
//
// This is epoch-based reclamation (Fraser: Practical lock-freedom, 2004; compared by Hart,
// McKenney, Brown and Walpole: Performance of memory reclamation for lockless
// synchronization, 2007). A reader writes nothing but a cache line of its own thread, so
// that reading the same thing on many cores costs none of them anything.
//
//   reader:  pin, read pointers and what they point at, unpin
//   writer:  unlink; tag = retire_tag(); later: free if tag < oldest_reader()
//
// Why it is right. All operations named here are sequentially consistent, so that they
// have one order:
//
//   reader:     R: e = epoch     P: pinned = e     L: load the pointer
//   writer:     U: unlink        T: tag = epoch
//   reclaimer:  I: ++epoch       C: load pinned
//
// A part may be freed if C found for every thread either no pin, or a pin e > tag. No pin:
// either the pin was taken back before, and the reader does not look any more, or C comes
// before P, hence U before C before P before L, and L finds the pointer unlinked. A pin
// e > tag: R found the epoch later than T did, hence U before T before R before L, and
// again L finds it unlinked. Pointers are to be loaded and unlinked sequentially
// consistently for this; on x86 such a load is an ordinary one.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace dbs::cache {

/// One for each structure. All functions may be called from any thread.
class reader_slots {
public:
  static constexpr size_t counter_count = 3;

  /// Written by one thread alone; two cache lines, because processors fetch pairs.
  struct alignas(128) slot {
    /// The epoch in which the thread began to read; 0 while it does not.
    std::atomic<uint64_t> pinned{0};

    /// What the thread has counted. Those that had the slot before count, too.
    std::array<std::atomic<uint64_t>, counter_count> counts{};

    void count(size_t which) noexcept {
      auto& x = counts[which];
      x.store(x.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
  };

  /// While one lives, nothing is freed that this thread finds. Pins may be nested.
  class pin {
  public:
    pin(const reader_slots& readers, slot& mine) noexcept
        : mine_(mine.pinned.load(std::memory_order_relaxed) == 0 ? &mine : nullptr) {
      if (mine_ != nullptr)
        mine_->pinned.store(readers.epoch_.load(std::memory_order_seq_cst),
                            std::memory_order_seq_cst);
    }

    ~pin() {
      if (mine_ != nullptr)
        mine_->pinned.store(0, std::memory_order_release);
    }

    pin(const pin&) = delete;
    pin& operator=(const pin&) = delete;

  private:
    slot* mine_;
  };

  reader_slots() = default;
  ~reader_slots();

  reader_slots(const reader_slots&) = delete;
  reader_slots& operator=(const reader_slots&) = delete;

  /// The slot of the calling thread; nullptr if there are more than `max_threads`, the
  /// thread is about to end, or there is no memory for it. Such a thread has to read under
  /// a lock.
  slot* mine() noexcept {
    auto number = number_;
    if (number == unknown)
      number = enrol();
    if (number >= max_threads)
      return nullptr;
    auto* there = blocks_[number / block_size].load(std::memory_order_seq_cst);
    if (there == nullptr)
      there = add_block(number / block_size);
    return there != nullptr ? &there->slots[number % block_size] : nullptr;
  }

  static constexpr size_t max_threads = 4096;

  /// For what has just been unlinked.
  uint64_t retire_tag() const noexcept { return epoch_.load(std::memory_order_seq_cst); }

  /// What has a lower tag may be freed.
  uint64_t oldest_reader() noexcept;

  /// Over all threads; a moment later it may be more.
  uint64_t total(size_t which) const noexcept;

private:
  static constexpr size_t block_size = 64;
  static constexpr size_t unknown = SIZE_MAX;

  struct block {
    std::array<slot, block_size> slots;
  };

  /// Gives this thread the lowest number that no living thread has.
  static size_t enrol() noexcept;

  /// Nullptr for lack of memory.
  block* add_block(size_t index) noexcept;

  /// One number for all instances. Constant-initialised, so that reading it is a plain load.
  static thread_local constinit inline size_t number_ = unknown;

  friend class thread_numbers;

  std::array<std::atomic<block*>, max_threads / block_size> blocks_{};
  std::mutex adding_;
  alignas(128) std::atomic<uint64_t> epoch_{1};
};

} // namespace dbs::cache
