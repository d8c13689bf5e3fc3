// A hash for keys that strangers choose: whoever does not know the secret cannot make
// keys collide, so that nobody can slow a table down by choosing keys (hash flooding).
//
// SipHash-1-3 (Aumasson, Bernstein: SipHash: a fast short-input PRF, 2012), with the
// numbers of rounds that CPython and Rust use for their tables.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace dbs::cache {

/// Immutable; from any thread.
class keyed_hash {
public:
  /// With a secret from the kernel. Throws `std::system_error` if it has none.
  keyed_hash();

  /// With a known secret, for tests.
  keyed_hash(uint64_t k0, uint64_t k1) noexcept : k0_(k0), k1_(k1) {}

  uint64_t operator()(std::string_view bytes) const noexcept {
    state s{k0_ ^ 0x736f6d6570736575, k1_ ^ 0x646f72616e646f6d, k0_ ^ 0x6c7967656e657261,
            k1_ ^ 0x7465646279746573};
    auto rest = bytes.size() % 8;
    auto* end = bytes.data() + bytes.size();
    for (auto* at = bytes.data(); at != end - rest; at += 8)
      s.absorb(load<uint64_t>(at));
    s.absorb((bytes.size() >= 8 ? last(end, rest) : few(end - rest, rest)) | uint64_t{bytes.size()}
                                                                                 << 56);
    return s.finish();
  }

private:
  struct state {
    void round() noexcept {
      v0 += v1;
      v2 += v3;
      v1 = std::rotl(v1, 13) ^ v0;
      v3 = std::rotl(v3, 16) ^ v2;
      v0 = std::rotl(v0, 32) + v3;
      v2 += v1;
      v3 = std::rotl(v3, 21) ^ v0;
      v1 = std::rotl(v1, 17) ^ v2;
      v2 = std::rotl(v2, 32);
    }

    void absorb(uint64_t m) noexcept {
      v3 ^= m;
      round();
      v0 ^= m;
    }

    uint64_t finish() noexcept {
      v2 ^= 0xff;
      round();
      round();
      round();
      return v0 ^ v1 ^ v2 ^ v3;
    }

    uint64_t v0, v1, v2, v3;
  };

  static_assert(std::endian::native == std::endian::little, "words are read as they lie");

  /// A number of type `T`, as wide as a word.
  template <class T>
  static uint64_t load(const char* at) noexcept {
    T result;
    std::memcpy(&result, at, sizeof(T));
    return result;
  }

  // Bytes that are gathered one by one cannot be loaded as a word until they have been stored.

  /// The `n` < 8 bytes before `end`, of 8 or more.
  static uint64_t last(const char* end, size_t n) noexcept {
    return n == 0 ? 0 : load<uint64_t>(end - 8) >> (64 - 8 * n);
  }

  /// `n` < 8 bytes, of no more.
  static uint64_t few(const char* at, size_t n) noexcept {
    if (n >= 4)
      return load<uint32_t>(at) | load<uint32_t>(at + n - 4) << (8 * (n - 4));
    if (n == 0)
      return 0;
    return load<uint8_t>(at) | load<uint8_t>(at + n / 2) << (8 * (n / 2)) |
           load<uint8_t>(at + n - 1) << (8 * (n - 1));
  }

  uint64_t k0_;
  uint64_t k1_;
};

} // namespace dbs::cache
