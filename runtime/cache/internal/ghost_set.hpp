// The keys that a policy has evicted not long ago, by their fingerprints.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace dbs::cache {

/// Two bytes a key: a table of buckets, each a queue of 16 fingerprints, so that a key is
/// forgotten when about as many others have come as the set has places. A fingerprint has
/// 16 bits: one in 4000 keys is taken for one that was there.
class ghost_set {
public:
  /// Holds about `count` keys from now on. Forgets all if that changes anything.
  void resize(size_t count);

  size_t capacity() const noexcept { return buckets_.size() * bucket_size; }

  size_t memory_bytes() const noexcept { return buckets_.size() * sizeof(bucket); }

  void add(uint32_t hash) noexcept;

  /// Whether the key is in; if so, it is not any more.
  bool take(uint32_t hash) noexcept;

private:
  static constexpr size_t bucket_size = 16;

  /// The newest first; 0 is an empty place.
  using bucket = std::array<uint16_t, bucket_size>;

  bucket& bucket_of(uint32_t hash) noexcept {
    return buckets_[uint64_t{hash} * buckets_.size() >> 32];
  }

  static uint16_t fingerprint(uint32_t hash) noexcept {
    auto result = static_cast<uint16_t>(hash);
    return result != 0 ? result : uint16_t{1};
  }

  std::vector<bucket> buckets_;
};

} // namespace dbs::cache
