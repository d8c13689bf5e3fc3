#include "dbs/runtime/cache/keyed_hash.hpp"

#include <catch2/catch_test_macros.hpp>

#include <set>
#include <string>

using dbs::cache::keyed_hash;

TEST_CASE("the keyed hash is SipHash-1-3") {
  // As CPython 3.11 says it with PYTHONHASHSEED=0: hash(b"..."), with a secret of zeros.
  keyed_hash zero{0, 0};
  CHECK(zero("a") == 0x407448d2b89b1813);
  CHECK(zero("user:7") == 0x65c7a48859f7f964);
  CHECK(zero("12345678") == 0x3489982430560a87);
  CHECK(zero("12345678901234567890") == 0xe939c9f1ffdddf1b);
  std::string counting;
  for (char c = 0; c < 64; ++c)
    counting.push_back(c);
  CHECK(zero(counting) == 0x75e05fd5bbc870c6);
}

TEST_CASE("the keyed hash is SipHash-1-3 of keys of any length") {
  constexpr uint64_t expected[] = {
      0x44bc103b1f8540ed, 0x1d6b299344bab347, 0x60ec29c17db287a3, 0xe7b1a066360ba9d4,
      0xde682ee70fbebc3f, 0x12bad75bbd13f182, 0xb1cd85cc334196fa, 0x884ccc87cb0e5fb0,
      0x027ed508fe95acb3, 0xcb7e0c6c167ecd44, 0x170597e73eb4d0e9, 0xb6258cdf4b014d08,
      0x7d687c47a4c316a7, 0x7376b86f4e098b22, 0x75e46d4257851550, 0xe05d12a0a4b2d063,
  };
  keyed_hash zero{0, 0};
  std::string key;
  for (auto each : expected) {
    key.push_back(static_cast<char>(key.size() + 1));
    CHECK(zero(key) == each);
  }
}

TEST_CASE("every hash has a secret of its own") {
  std::set<uint64_t> seen;
  for (auto i = 0; i < 100; ++i)
    seen.insert(keyed_hash{}("user:7"));
  CHECK(seen.size() == 100);
}
