// A cached value as it lies in memory: a header of 56 bytes, the key, the value, and eight
// bytes more if it has tags.
//
// Threads read entries without a lock while others take them out of the cache. Therefore
// nothing that a reader looks at ever changes, but for `hits`, which is atomic. What
// changes (`next`, `prev`, `where`, `live`) is for those who hold the lock of the shard.
#pragma once

#include "dbs/runtime/cache/coarse_clock.hpp"
#include "dbs/runtime/cache/version.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace dbs::cache {

enum class entry_kind : uint8_t {
  value,
  /// It is known that there is nothing; the value may say why.
  negative,
};

/// What is known of a value but the bytes. Times are kept to the millisecond.
struct entry_meta {
  version vers = {};
  /// From then on it is stale: to be renewed, yet better than nothing.
  coarse_clock::time_point soft = coarse_clock::time_point::max();
  /// From then on it is gone.
  coarse_clock::time_point hard = coarse_clock::time_point::max();
  entry_kind kind = entry_kind::value;
  /// A Bloom filter of the tags: two bits for each; 0 without tags.
  uint64_t tags = 0;
};

/// Which queue an entry is in. A tombstone remembers the version with which a key was erased.
enum class entry_place : uint8_t { none, small, main, tombstones };

class entry {
public:
  static constexpr size_t max_key_bytes = UINT16_MAX;
  static constexpr size_t max_value_bytes = (size_t{1} << 30) - 1;

  /// Hits are counted up to this: an entry that is read all the time is not written.
  static constexpr uint8_t max_hits = 3;

  /// What an entry takes, a multiple of eight.
  static constexpr size_t bytes_for(size_t key, size_t value, bool has_tags = false) noexcept {
    return (sizeof(entry) + key + value + (has_tags ? sizeof(uint64_t) : 0) + 7) & ~size_t{7};
  }

  /// `memory` has `bytes_for` that key, that value and those tags; neither is longer than its
  /// maximum.
  static entry* make(void* memory, uint32_t hash, std::string_view key, std::string_view value,
                     const entry_meta& meta) noexcept {
    return new (memory) entry(hash, key, value, meta);
  }

  /// A copy of `from` for another place in memory.
  static entry* make_copy(void* memory, const entry& from) noexcept {
    auto* result = make(memory, from.hash_, from.key(), from.value(), from.meta());
    result->set_hits(from.hits());
    return result;
  }

  entry(const entry&) = delete;
  entry& operator=(const entry&) = delete;

  // -- for readers -----------------------------------------------------------------

  uint32_t hash() const noexcept { return hash_; }

  std::string_view key() const noexcept { return {payload(), key_size_}; }

  std::string_view value() const noexcept { return {payload() + key_size_, value_size_}; }

  entry_kind kind() const noexcept { return static_cast<entry_kind>(kind_); }

  const version& vers() const noexcept { return version_; }

  coarse_clock::time_point soft() const noexcept {
    return expand(uint64_t{soft_high_} << 32 | soft_low_);
  }

  coarse_clock::time_point hard() const noexcept { return expand(hard_); }

  entry_meta meta() const noexcept { return {version_, soft(), hard(), kind(), tags()}; }

  uint64_t tags() const noexcept {
    uint64_t result = 0;
    if (has_tags_)
      std::memcpy(&result, payload() + key_size_ + value_size_, sizeof(result));
    return result;
  }

  size_t bytes() const noexcept { return bytes_for(key_size_, value_size_, has_tags_); }

  /// Counts a hit. Those that come at the same moment may count as one.
  void touch() const noexcept {
    auto x = hits_.load(std::memory_order_relaxed);
    if (x < max_hits)
      hits_.store(static_cast<uint8_t>(x + 1), std::memory_order_relaxed);
  }

  // -- for those who hold the lock ---------------------------------------------------

  uint8_t hits() const noexcept { return hits_.load(std::memory_order_relaxed); }

  void set_hits(uint8_t x) noexcept { hits_.store(x, std::memory_order_relaxed); }

  entry* next = nullptr;
  entry* prev = nullptr;

private:
  static constexpr uint64_t never = (uint64_t{1} << 48) - 1;

  entry(uint32_t hash, std::string_view key, std::string_view value,
        const entry_meta& meta) noexcept
      : version_(meta.vers), hard_(compress(meta.hard) & never), key_size_(key.size() & UINT16_MAX),
        soft_low_(static_cast<uint32_t>(compress(meta.soft))),
        soft_high_(static_cast<uint16_t>(compress(meta.soft) >> 32)), hash_(hash),
        value_size_(value.size() & max_value_bytes), kind_(static_cast<uint32_t>(meta.kind) & 1U),
        has_tags_(meta.tags != 0) {
    auto* to = reinterpret_cast<char*>(this + 1);
    if (!key.empty())
      std::memcpy(to, key.data(), key.size());
    if (!value.empty())
      std::memcpy(to + key.size(), value.data(), value.size());
    if (has_tags_)
      std::memcpy(to + key.size() + value.size(), &meta.tags, sizeof(meta.tags));
  }

  const char* payload() const noexcept { return reinterpret_cast<const char*>(this + 1); }

  /// Milliseconds in 48 bits: 8900 years. What is beyond is never.
  static uint64_t compress(coarse_clock::time_point t) noexcept {
    auto ms = t.time_since_epoch().count();
    return std::min(static_cast<uint64_t>(std::max<int64_t>(ms, 0)), never);
  }

  static coarse_clock::time_point expand(uint64_t ms) noexcept {
    return ms == never ? coarse_clock::time_point::max()
                       : coarse_clock::time_point{coarse_clock::duration{static_cast<int64_t>(ms)}};
  }

  version version_;
  uint64_t hard_ : 48;
  uint64_t key_size_ : 16;
  uint32_t soft_low_;
  uint16_t soft_high_;
  mutable std::atomic<uint8_t> hits_{0};

public:
  // For those who hold the lock.

  /// Of values, as `next` and `prev`, for the policy alone; `tombstones` says what is none.
  entry_place where : 4 = entry_place::none;
  /// Whether it is in use; for the arena alone.
  bool live : 1 = true;

private:
  uint32_t hash_;
  uint32_t value_size_ : 30;
  uint32_t kind_ : 1;
  uint32_t has_tags_ : 1;
};

static_assert(sizeof(entry) == 56, "docs and budgets count on 56 bytes");

} // namespace dbs::cache
