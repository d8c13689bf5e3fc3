#include "dbs/messages/base64.hpp"

#include <catch2/catch_test_macros.hpp>

#include <random>

using namespace dbs;

TEST_CASE("Base64 is that of RFC 4648") {
  // The vectors of its section 10.
  for (auto [bytes, text] : {std::pair{"", ""},
                             {"f", "Zg=="},
                             {"fo", "Zm8="},
                             {"foo", "Zm9v"},
                             {"foob", "Zm9vYg=="},
                             {"fooba", "Zm9vYmE="},
                             {"foobar", "Zm9vYmFy"}}) {
    CHECK(to_base64(bytes) == text);
    CHECK(from_base64(text) == bytes);
  }
  CHECK(to_base64("\xfb\xff\xfe") == "+//+");
}

TEST_CASE("bytes come back from Base64 as they were") {
  std::minstd_rand random{7};
  for (size_t size = 0; size < 200; ++size) {
    std::string bytes(size, '\0');
    for (auto& x : bytes)
      x = static_cast<char>(random());
    CHECK(from_base64(to_base64(bytes)) == bytes);
  }
}

TEST_CASE("what is not exactly Base64 is refused") {
  for (auto bad : {"Z", "Zg", "Zg=", "Zg==Zg==", "Z===", "====", "=Zg=", "Zh==", "Zm9=", "Zm8-",
                   "Zm8 ", "Zm\n8", "Zg==\n"}) {
    INFO(bad);
    CHECK(!from_base64(bad));
  }
}
