#include "dbs/messages/redis/reply.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/redis/reply_nodes.hpp"

#include "unit/messages/serialize.hpp"

#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>

#include <random>
#include <string>

using namespace dbs;
using internal::reply_node;

namespace {

redis_reply make(std::initializer_list<reply_node> nodes) {
  std::string bytes;
  for (auto& x : nodes) {
    auto at = bytes.size();
    bytes.resize(at + x.size());
    x.write(bytes.data() + at);
  }
  return redis_reply::from_nodes(blob{bytes});
}

redis_reply text(std::string_view x) {
  return make({reply_node::text(redis_type::string, x)});
}

const redis_reply nested = make({
    reply_node::aggregate(redis_type::map, 4),
    reply_node::text(redis_type::string, "list"),
    reply_node::aggregate(redis_type::array, 2),
    reply_node::integer(1),
    reply_node::nil(),
    reply_node::text(redis_type::string, "name"),
    reply_node::text(redis_type::string, "Ada"),
});

} // namespace

TEST_CASE("a reply is nil until it is something else") {
  redis_reply reply;
  CHECK(reply.is_nil());
  CHECK(reply.size() == 0);
  CHECK(reply.begin() == reply.end());
  CHECK(reply.text().empty());
  CHECK(!reply.error());
  CHECK(reply.get<std::optional<std::string>>() == std::nullopt);
  CHECK(reply.get<std::string>().error() == errc::invalid_argument);
}

TEST_CASE("a text is read as what it says, and as nothing else") {
  CHECK(text("ab").get<std::string>() == "ab");
  CHECK(text("ab").get<std::string_view>() == "ab");
  CHECK(text("ab").get<blob>() == blob{"ab"});
  CHECK(text("-17").get<int64_t>() == -17);
  CHECK(text("1.5").get<double>() == 1.5);
  CHECK(text("17 ").get<int64_t>().error() == errc::invalid_argument);
  CHECK(text("").get<int64_t>().error() == errc::invalid_argument);
  CHECK(text("9223372036854775808").get<int64_t>().error() == errc::invalid_argument);
  CHECK(text("1").get<bool>().error() == errc::invalid_argument);
  // the value is not in the error
  CHECK(detail(text("secret").get<int64_t>().error()).what.find("secret") == std::string::npos);
}

TEST_CASE("numbers and booleans are read as each other where nothing is lost") {
  auto seven = make({reply_node::integer(7)});
  CHECK(seven.get<int64_t>() == 7);
  CHECK(seven.get<double>() == 7.0);
  CHECK(seven.get<bool>().error() == errc::invalid_argument);
  CHECK(seven.get<std::string>().error() == errc::invalid_argument);
  CHECK(make({reply_node::integer(1)}).get<bool>() == true);
  CHECK(make({reply_node::boolean(false)}).get<bool>() == false);
  CHECK(make({reply_node::real(2.5)}).get<double>() == 2.5);
  CHECK(make({reply_node::real(2.0)}).get<int64_t>().error() == errc::invalid_argument);
}

TEST_CASE("elements are found by index, by key, and in turn") {
  CHECK(nested.size() == 4);
  CHECK(nested.find("name").text() == "Ada");
  CHECK(nested.find("list").size() == 2);
  CHECK(nested.find("list").at(0).get<int64_t>() == 1);
  CHECK(nested.find("list").at(1).is_nil());
  CHECK(nested.find("list").at(2).is_nil());
  CHECK(nested.find("Ada").is_nil());
  CHECK(nested.at(3).text() == "Ada");
  size_t count = 0;
  for (auto x : nested)
    count += x.type() == redis_type::string ? 1 : 0;
  CHECK(count == 3);
}

TEST_CASE("an error is read as itself") {
  auto reply = redis_reply::failure(errc::in_doubt, "the connection closed");
  CHECK(reply.error() == errc::in_doubt);
  CHECK(reply.get<std::string>().error() == errc::in_doubt);
  CHECK(reply.get<std::optional<std::string>>().error() == errc::in_doubt);
  CHECK(detail(reply.error()).fields.empty());
  CHECK(detail(redis_reply::failure(errc::query_failed, "WRONGTYPE x").error()).fields ==
        std::vector<field>{{"redis_error", "WRONGTYPE"}});
}

TEST_CASE("a reply travels, and what was changed on the way is refused or still well-formed") {
  auto bytes = test::serialize(nested);
  auto copy = test::deserialize<redis_reply>(bytes);
  REQUIRE(copy);
  CHECK(*copy == nested);
  std::minstd_rand random{Catch::getSeed()};
  size_t refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string changed{nested.bytes().view()};
    for (auto n = 1 + random() % 3; n > 0; --n)
      changed[random() % changed.size()] = static_cast<char>(random());
    if (random() % 4 == 0)
      changed.resize(random() % (changed.size() + 1));
    auto reply = redis_reply::from_bytes(blob{changed});
    if (!reply) {
      CHECK(reply.error() == errc::protocol_error);
      ++refused;
      continue;
    }
    // every element can be visited
    for (auto x : *reply)
      for (auto y : x)
        static_cast<void>(y.text().size() + y.size());
  }
  CHECK(refused > 1000);
}
