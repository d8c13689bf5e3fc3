#include "dbs/messages/redis/command.hpp"

#include "dbs/messages/error_detail.hpp"

#include "unit/messages/serialize.hpp"

#include <caf/deep_to_string.hpp>

#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>

#include <random>
#include <string>

using namespace dbs;
using namespace std::string_literals;

TEST_CASE("a command is encoded as it goes over the wire") {
  auto command = make_redis_command("SET", "k", "a\0\r\nb"s, "EX", 60);
  CHECK(command.words() == 5);
  CHECK(command.name() == "SET");
  CHECK(command.bulks() == "$3\r\nSET\r\n$1\r\nk\r\n$5\r\na\0\r\nb\r\n$2\r\nEX\r\n$2\r\n60\r\n"s);
  CHECK(command.bulks(3) == "$2\r\nEX\r\n$2\r\n60\r\n");
  CHECK(command.word(2) == "a\0\r\nb"s);
  CHECK(command.word(5).empty());
  CHECK(command.bulks(6).empty());
  CHECK(redis_command{}.name().empty());
}

TEST_CASE("numbers are written so that reading gives the same again") {
  auto command = make_redis_command("X", int64_t{-9223372036854775807 - 1}, uint8_t{7}, 0.1, 1e300);
  CHECK(command.word(1) == "-9223372036854775808");
  CHECK(command.word(2) == "7");
  CHECK(std::stod(std::string{command.word(3)}) == 0.1);
  CHECK(std::stod(std::string{command.word(4)}) == 1e300);
}

TEST_CASE("words are not printed, but for the name") {
  auto text = caf::deep_to_string(make_redis_command("AUTH", "geheim"));
  CHECK(text.find("AUTH") != std::string::npos);
  CHECK(text.find("geheim") == std::string::npos);
}

TEST_CASE("a command travels, and what was changed on the way is refused or still a command") {
  auto command = make_redis_command("EVALSHA", "key", "value", "", "x").with_source(blob{"source"});
  auto bytes = test::serialize(command);
  auto copy = test::deserialize<redis_command>(bytes);
  REQUIRE(copy);
  CHECK(*copy == command);
  // Of other commands there is none that would be sent in their place.
  auto strange = make_redis_command("SET", "k", "v").with_source(blob{"source"});
  CHECK_FALSE(test::deserialize<redis_command>(test::serialize(strange)));
  // Redis closes the connection of whoever writes a length so.
  auto padded = test::serialize(make_redis_command("GETSET", "k", "v"));
  padded.replace(padded.find("$6\r\nGETSET"), 10, "$05\r\nGETSE");
  CHECK_FALSE(test::deserialize<redis_command>(padded));
  std::minstd_rand random{Catch::getSeed()};
  size_t refused = 0;
  for (int i = 0; i < 10'000; ++i) {
    auto changed = bytes;
    // Of the count of words, or of the bulks; their size stays, it is CAF's.
    auto at = random() % (4 + command.bulks().size());
    changed[at < 4 ? at : at + 1] = static_cast<char>(random());
    auto loaded = test::deserialize<redis_command>(changed);
    refused += loaded ? 0 : 1;
    if (!loaded)
      continue;
    size_t size = 0;
    for (size_t n = 0; n < loaded->words(); ++n)
      size += loaded->word(n).size();
    CHECK(size <= loaded->bulks().size());
  }
  CHECK(refused > 1000);
}
