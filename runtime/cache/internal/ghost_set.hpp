// The keys that a policy has evicted not long ago, by their fingerprints.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace dbs::cache {

/// A table of buckets, a cache line each: queues of 16 fingerprints with the time at which
/// they came, counted in keys. A key is forgotten when as many others have come as the set
/// may hold; there are half as many places more, so that few buckets overflow before. Six
/// bytes a key. A fingerprint has 16 bits: one in 4000 keys is taken for one that was there.
class ghost_set {
public:
  /// Holds `count` keys from now on, or none if there is no memory. Forgets all if that
  /// changes anything.
  void resize(size_t count) noexcept;

  size_t capacity() const noexcept { return capacity_; }

  size_t memory_bytes() const noexcept { return buckets_.size() * sizeof(bucket); }

  void add(uint32_t hash) noexcept;

  /// Whether the key is in; if so, it is not any more.
  bool take(uint32_t hash) noexcept;

private:
  static constexpr size_t bucket_size = 16;

  struct ghost {
    /// 0 in an empty place.
    uint16_t fingerprint = 0;
    uint16_t came = 0;
  };

  /// The newest first.
  using bucket = std::array<ghost, bucket_size>;

  bucket& bucket_of(uint32_t hash) noexcept {
    return buckets_[uint64_t{hash} * buckets_.size() >> 32];
  }

  static uint16_t fingerprint(uint32_t hash) noexcept {
    auto result = static_cast<uint16_t>(hash);
    return result != 0 ? result : uint16_t{1};
  }

  /// In units in which the set's capacity is less than half of what 16 bits can hold.
  uint16_t now() const noexcept { return static_cast<uint16_t>(added_ >> shift_); }

  std::vector<bucket> buckets_;
  size_t capacity_ = 0;
  uint64_t added_ = 0;
  int shift_ = 0;
};

} // namespace dbs::cache
