// REDIS_URL: what each form means, and what is refused.
#include "dbs/config/redis_url.hpp"

#include "dbs/messages/error_detail.hpp"

#include <catch2/catch_message.hpp>
#include <catch2/catch_test_macros.hpp>

#include <string>
#include <utility>
#include <vector>

using namespace dbs;

namespace {

std::string parsed(std::string_view url) {
  auto x = parse_redis_url(url);
  if (!x)
    return "refused: " + detail(x.error()).what;
  return std::string{x->tls ? "tls " : ""} + x->user + ":" + x->password.reveal() + "@" +
         x->address.host + ":" + std::to_string(x->address.port) + "/" + std::to_string(x->db);
}

} // namespace

TEST_CASE("redis_url_parse: a URL names the server, the database and who asks") {
  const std::vector<std::pair<std::string_view, std::string_view>> urls{
      {"redis://host:6379/0", ":@host:6379/0"},
      {"rediss://host:6380/15", "tls :@host:6380/15"},
      {"redis://host", ":@host:6379/0"},
      {"redis://host/", ":@host:6379/0"},
      {"redis://host:/3", ":@host:6379/3"},
      {"redis://:secret@host/1", ":secret@host:6379/1"},
      {"redis://user:secret@host/1", "user:secret@host:6379/1"},
      {"redis://user:s%40c%2Fr%25t@host", "user:s@c/r%t@host:6379/0"},
      {"redis://@host", ":@host:6379/0"},
      {"redis://[::1]:7000/2", ":@::1:7000/2"},
      {"redis://10.0.0.1", ":@10.0.0.1:6379/0"},
      {"redis://host?db=4", ":@host:6379/4"},
      {"redis://host?username=u&password=a+b", "u:a b@host:6379/0"},
  };
  for (auto& [url, means] : urls) {
    INFO(url);
    CHECK(parsed(url) == means);
  }
}

TEST_CASE("redis_url_parse: a malformed or contradictory URL is refused with the reason") {
  const std::vector<std::pair<std::string_view, std::string_view>> urls{
      {"", "no '://'"},
      {"host:6379", "no '://'"},
      {"http://host", "the scheme must be redis"},
      {"unix:///run/redis.sock", "the scheme must be redis"},
      {"redis://", "the host is missing"},
      {"redis:///0", "the host is missing"},
      {"redis://:6379/0", "the host is missing"},
      {"redis://host:0", "the port must be"},
      {"redis://host:65536", "the port must be"},
      {"redis://host:x", "the port must be"},
      {"redis://host/x", "the database must be a number"},
      {"redis://host/-1", "the database must be a number"},
      {"redis://host/0/1", "the database must be a number"},
      {"redis://host/0 ", "begins or ends with a space"},
      {"redis://host/0?db=1", "'db' is given twice"},
      {"redis://u:p@host?password=q", "'password' is given twice"},
      {"redis://user@host", "a user without a password"},
      {"redis://user:@host", "a user without a password"},
      {"redis://u:p@q@host", "a second '@'"},
      {"redis://u:p%@host", "the password has a broken %XX escape"},
      {"redis://h1,h2/0", "the host must be one name"},
      {"redis://[::1/0", "unbalanced brackets"},
      {"redis://host?timeout=1", "argument 'timeout' is unknown; allowed: db, password, username"},
  };
  for (auto& [url, because] : urls) {
    INFO(url << "\n" << parsed(url));
    auto target = parse_redis_url(url);
    REQUIRE_FALSE(target);
    CHECK(target.error() == errc::invalid_argument);
    CHECK(detail(target.error()).what.find(because) != std::string::npos);
  }
}

TEST_CASE("redis_url_parse: all that is wrong is said at once") {
  auto said = parsed("redis://user@h1,h2:0/x?timeout=1&db=2");
  INFO(said);
  for (auto* because :
       {"a user without a password", "the host must be one name", "the database must be a number",
        "argument 'timeout' is unknown", "'db' is given twice"})
    CHECK(said.find(because) != std::string::npos);
}
