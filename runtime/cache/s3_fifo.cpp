#include "dbs/runtime/cache/s3_fifo.hpp"

#include "dbs/runtime/cache/internal/entry_queue.hpp"
#include "dbs/runtime/cache/internal/ghost_set.hpp"

#include <cstddef>

namespace dbs::cache {

namespace {

/// The part of the cache that is for new entries.
constexpr size_t small_divisor = 10;

/// So many hits in the small queue take an entry to the main one.
constexpr uint8_t promoting_hits = 2;

/// A victim is found within so many steps, whatever hits there are: the lock is held
/// meanwhile. Each step is paid for by a hit, so that it is far less on average.
constexpr int max_steps = 4096;

/// Sizes are in bytes; with entries of one size, in entries.
class s3_fifo final : public eviction_policy {
public:
  void insert(entry& e) noexcept override;
  void erase(entry& e) noexcept override;
  void replace(entry& old, entry& by) noexcept override;
  entry* victim(coarse_clock::time_point now) noexcept override;
  size_t count() const noexcept override { return small_.count() + main_.count(); }
  size_t memory_bytes() const noexcept override { return ghosts_.memory_bytes(); }

private:
  entry* from_small(coarse_clock::time_point now, bool promoting) noexcept;
  entry* from_main(coarse_clock::time_point now, bool second_turns) noexcept;
  void remember(const entry& e) noexcept;
  entry_queue& queue_of(const entry& e) noexcept;

  entry_queue small_{entry_place::small};
  entry_queue main_{entry_place::main};
  ghost_set ghosts_;
};

void s3_fifo::insert(entry& e) noexcept {
  (ghosts_.take(e.hash()) ? main_ : small_).push_back(e);
}

void s3_fifo::erase(entry& e) noexcept {
  queue_of(e).remove(e);
}

void s3_fifo::replace(entry& old, entry& by) noexcept {
  queue_of(old).replace(old, by);
}

entry* s3_fifo::victim(coarse_clock::time_point now) noexcept {
  for (auto step = 0; count() > 0; ++step) {
    auto small_first = small_.bytes() * small_divisor >= small_.bytes() + main_.bytes();
    auto patient = step < max_steps;
    auto* result =
        small_first || main_.empty() ? from_small(now, patient) : from_main(now, patient);
    if (result != nullptr)
      return result;
  }
  return nullptr;
}

entry* s3_fifo::from_small(coarse_clock::time_point now, bool promoting) noexcept {
  auto& e = small_.pop_front();
  if (e.hard() <= now)
    return &e;
  if (promoting && e.hits() >= promoting_hits) {
    e.set_hits(0);
    main_.push_back(e);
    return nullptr;
  }
  remember(e);
  return &e;
}

entry* s3_fifo::from_main(coarse_clock::time_point now, bool second_turns) noexcept {
  auto& e = main_.pop_front();
  if (e.hits() == 0 || e.hard() <= now || !second_turns)
    return &e;
  e.set_hits(static_cast<uint8_t>(e.hits() - 1));
  main_.push_back(e);
  return nullptr;
}

void s3_fifo::remember(const entry& e) noexcept {
  // As many ghosts as entries; another size forgets them, so not for each little change.
  auto wanted = count() + 1;
  if (wanted > ghosts_.capacity() + ghosts_.capacity() / 2 || wanted < ghosts_.capacity() / 4)
    ghosts_.resize(wanted - wanted / small_divisor);
  ghosts_.add(e.hash());
}

entry_queue& s3_fifo::queue_of(const entry& e) noexcept {
  return e.where == entry_place::small ? small_ : main_;
}

} // namespace

std::unique_ptr<eviction_policy> make_s3_fifo() {
  return std::make_unique<s3_fifo>();
}

} // namespace dbs::cache
