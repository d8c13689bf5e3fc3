#include "dbs/runtime/redis/reply_reader.hpp"

#include "dbs/messages/error_detail.hpp"

#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <random>
#include <string>
#include <vector>

using namespace dbs;
using namespace dbs::redis;

namespace {

/// Reads until there is nothing more: how many replies came, and the error if any.
std::pair<size_t, caf::error> drain(reply_reader& reader) {
  for (size_t count = 0;; ++count) {
    auto next = reader.next();
    if (!next)
      return {count, next.error()};
    if (!*next)
      return {count, {}};
  }
}

caf::error error_of(reply_limits limits, std::string_view bytes) {
  reply_reader reader{limits};
  reader.feed(bytes);
  return drain(reader).second;
}

std::string nested(size_t depth) {
  std::string result;
  for (size_t i = 0; i < depth; ++i)
    result += "*1\r\n";
  return result + ":1\r\n";
}

} // namespace

TEST_CASE("replies are read however their bytes are split") {
  const std::string bytes =
      "+OK\r\n$5\r\nhe\r\no\r\n*3\r\n:7\r\n$-1\r\n*1\r\n+x\r\n-ERR no\r\n$0\r\n\r\n*0\r\n";
  auto step = GENERATE(1u, 2u, 3u, 7u, 100u);
  reply_reader reader;
  std::vector<redis_reply> replies;
  for (size_t at = 0; at < bytes.size(); at += step) {
    reader.feed(std::string_view{bytes}.substr(at, step));
    for (;;) {
      auto next = reader.next();
      REQUIRE(next);
      if (!*next)
        break;
      replies.push_back(std::move(**next));
    }
  }
  REQUIRE(replies.size() == 6);
  CHECK(replies[0].type() == redis_type::status);
  CHECK(replies[1].get<std::string>() == "he\r\no");
  REQUIRE(replies[2].size() == 3);
  CHECK(replies[2].at(0).get<int64_t>() == 7);
  CHECK(replies[2].at(1).is_nil());
  CHECK(replies[2].at(2).at(0).text() == "x");
  CHECK(replies[3].error() == errc::query_failed);
  CHECK(replies[4].type() == redis_type::string);
  CHECK(replies[4].text().empty());
  CHECK(replies[5].type() == redis_type::array);
  CHECK(replies[5].size() == 0);
}

TEST_CASE("every kind of RESP3 has its type") {
  auto [bytes, type] = GENERATE(table<std::string, redis_type>({
      {"_\r\n", redis_type::nil},
      {"$-1\r\n", redis_type::nil},
      {"*-1\r\n", redis_type::nil},
      {"#t\r\n", redis_type::boolean},
      {":-5\r\n", redis_type::integer},
      {",1.5\r\n", redis_type::real},
      {",inf\r\n", redis_type::real},
      {"+OK\r\n", redis_type::status},
      {"=7\r\ntxt:abc\r\n", redis_type::string},
      {"(12345678901234567890123\r\n", redis_type::big_number},
      {"-ERR x\r\n", redis_type::error},
      {"*1\r\n_\r\n", redis_type::array},
      {"%1\r\n+a\r\n:1\r\n", redis_type::map},
      {"~1\r\n+a\r\n", redis_type::set},
      {">1\r\n+a\r\n", redis_type::push},
  }));
  INFO(bytes);
  reply_reader reader;
  reader.feed(bytes + bytes);
  for (int i = 0; i < 2; ++i) {
    auto next = reader.next();
    REQUIRE(next);
    REQUIRE(*next);
    CHECK((*next)->type() == type);
    CHECK(redis_reply::from_bytes((*next)->bytes()));
    // an element is what the whole is
    reply_reader outer;
    outer.feed("*1\r\n" + bytes);
    auto nested = outer.next();
    REQUIRE(nested);
    CHECK((**nested).at(0).type() == type);
  }
}

TEST_CASE("an error says what it means to the caller") {
  auto code_of = [](std::string_view bytes) {
    reply_reader reader;
    reader.feed(bytes);
    return (**reader.next()).error();
  };
  CHECK(code_of("-NOPERM this user has no permissions\r\n") == errc::forbidden);
  CHECK(code_of("-NOAUTH Authentication required.\r\n") == errc::unauthenticated);
  CHECK(code_of("-LOADING Redis is loading\r\n") == errc::peer_unavailable);
  CHECK(code_of("-WRONGTYPE x\r\n") == errc::query_failed);
  auto info = detail(code_of("-OOM command not\x01 allowed\r\n"));
  CHECK(info.what == "OOM command not? allowed");
  CHECK(info.fields == std::vector<field>{{"redis_error", "OOM"}});
}

TEST_CASE("what is no reply is a protocol error, for good") {
  auto bytes = GENERATE("HTTP/1.1 400 Bad Request\r\n", ":twelve\r\n", "*-2\r\n", "$1x\r\na\r\n");
  reply_reader reader;
  reader.feed(bytes);
  CHECK(drain(reader).second == errc::protocol_error);
  reader.feed("+OK\r\n");
  CHECK(drain(reader).second == errc::protocol_error);
}

TEST_CASE("a reply may nest as deep as the limit and no deeper") {
  CHECK(!error_of({.max_depth = 16}, nested(16)));
  CHECK(error_of({.max_depth = 16}, nested(17)) == errc::protocol_error);
}

TEST_CASE("the elements of a reply are counted over all levels, and anew for the next") {
  // 2 + 2 * 4 elements
  const std::string ten = "*2\r\n*4\r\n:1\r\n:2\r\n:3\r\n:4\r\n*4\r\n:1\r\n:2\r\n:3\r\n:4\r\n";
  CHECK(!error_of({.max_elements = 10}, ten + ten));
  CHECK(error_of({.max_elements = 9}, ten) == errc::protocol_error);
  CHECK(error_of({.max_elements = 10}, "*1000000000\r\n") == errc::protocol_error);
}

TEST_CASE("a reply beyond the limit is refused, as soon as too much of it has come") {
  reply_limits limits{.max_bytes = 1000};
  CHECK(!error_of(limits, "$992\r\n" + std::string(992, 'x') + "\r\n"));
  CHECK(error_of(limits, "$993\r\n" + std::string(993, 'x') + "\r\n") == errc::payload_too_large);
  CHECK(!error_of(limits, "$2000\r\n" + std::string(900, 'x')));
  CHECK(error_of(limits, "$2000\r\n" + std::string(1000, 'x')) == errc::payload_too_large);
  // many small ones are no large one
  std::string many;
  for (int i = 0; i < 1000; ++i)
    many += "+OK\r\n";
  CHECK(!error_of(limits, many + "$5\r\nab"));
}

TEST_CASE("a line without an end is refused") {
  reply_limits limits{.max_line = 100};
  CHECK(!error_of(limits, "+" + std::string(100, 'x')));
  CHECK(error_of(limits, "+" + std::string(101, 'x')) == errc::protocol_error);
  CHECK(error_of(limits, "$" + std::string(101, '1')) == errc::protocol_error);
  CHECK(!error_of(limits, "$500\r\n" + std::string(400, 'x')));
}

TEST_CASE("random bytes are replies or an error, whatever they are") {
  std::minstd_rand random{Catch::getSeed()};
  auto below = [&](size_t n) { return random() % n; };
  // Tokens make it past the first byte; noise breaks them.
  const std::vector<std::string> tokens{"+OK\r\n",
                                        "-ERR\r\n",
                                        ":1\r\n",
                                        ":-9223372036854775808\r\n",
                                        "$3\r\nabc\r\n",
                                        "$-1\r\n",
                                        "*2\r\n",
                                        "*-1\r\n",
                                        "*0\r\n",
                                        "%2\r\n",
                                        "~3\r\n",
                                        "#t\r\n",
                                        ",1.5\r\n",
                                        ",inf\r\n",
                                        "_\r\n",
                                        "(12\r\n",
                                        "=7\r\ntxt:abc\r\n",
                                        ">2\r\n",
                                        "|1\r\n",
                                        "\r\n",
                                        "$1000000000000\r\n",
                                        "*9223372036854775807\r\n",
                                        "%4611686018427387904\r\n",
                                        "$9223372036854775807\r\n"};
  reply_limits limits{.max_bytes = 4096, .max_line = 256, .max_elements = 64, .max_depth = 5};
  size_t errors = 0;
  size_t replies = 0;
  for (int round = 0; round < 20'000; ++round) {
    reply_reader reader{limits};
    caf::error problem;
    for (int i = 0; i < 40 && !problem; ++i) {
      auto bytes = tokens[below(tokens.size())];
      if (below(8) == 0)
        bytes[below(bytes.size())] = static_cast<char>(below(256));
      if (below(8) == 0)
        bytes.resize(below(bytes.size() + 1));
      reader.feed(bytes);
      auto [count, found] = drain(reader);
      replies += count;
      problem = found;
    }
    errors += problem ? 1 : 0;
    if (problem)
      REQUIRE((problem == errc::protocol_error || problem == errc::payload_too_large));
  }
  CHECK(errors > 1000);
  CHECK(replies > 1000);
}
