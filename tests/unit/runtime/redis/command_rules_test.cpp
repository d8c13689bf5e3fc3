#include "dbs/runtime/redis/command_rules.hpp"

#include "dbs/messages/error_detail.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace dbs;
using namespace dbs::redis;

TEST_CASE("what would change or block a shared connection is refused by name") {
  auto name = GENERATE("MULTI", "exec", "Discard", "WATCH", "SELECT", "AUTH", "HELLO", "RESET",
                       "QUIT", "SUBSCRIBE", "psubscribe", "SSUBSCRIBE", "MONITOR", "BLPOP",
                       "BRPOPLPUSH", "BZMPOP", "WAIT", "READONLY", "POST", "Host:");
  auto refused = rules_of(make_redis_command(name, "x")).refusal;
  CHECK(refused == errc::invalid_argument);
  CHECK(detail(refused).what.find(" is refused on connections that are shared") !=
        std::string::npos);
}

TEST_CASE("of CLIENT, SCRIPT and XREAD only some is refused") {
  auto refused = [](auto... words) {
    return static_cast<bool>(rules_of(make_redis_command(words...)).refusal);
  };
  CHECK(refused("CLIENT", "REPLY", "OFF"));
  CHECK(refused("client", "tracking", "on"));
  CHECK(refused("CLIENT", "SETNAME", "x"));
  CHECK(!refused("CLIENT", "LIST"));
  CHECK(!refused("CLIENT", "KILL", "ID", 7));
  CHECK(refused("SCRIPT", "DEBUG", "YES"));
  CHECK(!refused("SCRIPT", "LOAD", "return 1"));
  CHECK(refused("XREAD", "COUNT", 1, "block", 0, "STREAMS", "s", "$"));
  CHECK(refused("XREADGROUP", "GROUP", "g", "c", "BLOCK", 0, "STREAMS", "s", ">"));
  CHECK(refused("XREADGROUP", "GROUP", "streams", "c", "BLOCK", 0, "STREAMS", "s", ">"));
  CHECK(!refused("XREADGROUP", "GROUP", "block", "block", "STREAMS", "s", ">"));
  // a stream may have that name
  CHECK(!refused("XREAD", "STREAMS", "BLOCK", "$"));
  CHECK(!refused("GET", "MULTI"));
  CHECK(!refused("A-NAME-THAT-IS-LONGER-THAN-ANY-COMMAND-OF-REDIS", "x"));
}

TEST_CASE("only what is known to read is a read") {
  auto reads = [](auto... words) { return rules_of(make_redis_command(words...)).reads; };
  CHECK(reads("GET", "k"));
  CHECK(reads("mget", "k"));
  CHECK(reads("ZRANGEBYSCORE", "k", 1, 2));
  CHECK(reads("GEORADIUSBYMEMBER_RO", "k"));
  CHECK(reads("XREAD", "STREAMS", "s", 0));
  for (auto* name : {"SET", "DEL", "INCR", "GETDEL", "GETEX", "SORT", "EVAL", "EVALSHA",
                     "XREADGROUP", "SPOP", "GETSET", "NO.SUCH.COMMAND"})
    CHECK(!reads(name, "x"));
}
