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

TEST_CASE("every hash has a secret of its own") {
  std::set<uint64_t> seen;
  for (auto i = 0; i < 100; ++i)
    seen.insert(keyed_hash{}("user:7"));
  CHECK(seen.size() == 100);
}
