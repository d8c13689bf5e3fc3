// DATABASE_URL: what each form means, and what is refused.
#include "dbs/config/database_url.hpp"

#include "dbs/messages/error_detail.hpp"

#include <catch2/catch_message.hpp>
#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <string>
#include <vector>

using namespace dbs;
using namespace std::chrono_literals;

namespace {

/// Everything in a target as one line, so that a table of URLs stays a table:
/// "user:password@host:port,host:port/dbname keyword=value".
std::string render(const database_target& x) {
  auto result = x.user + ":" + x.password.reveal() + "@";
  for (auto& host : x.hosts)
    result += (&host == x.hosts.data() ? "" : ",") + host.host + ":" + std::to_string(host.port);
  result += "/" + x.dbname;
  for (auto& [name, value] : x.parameters)
    result += " " + name + "=" + value;
  return result;
}

std::string parsed(std::string_view url) {
  auto target = parse_database_url(url);
  return target ? render(*target) : "refused: " + detail(target.error()).what;
}

struct accepted {
  std::string_view url;
  std::string_view means;
};

const std::vector<accepted> accepted_urls{
    // the runbook's form, and the same for the other schemes
    {"postgresql+asyncpg://user:pass@host:5432/dbname", "user:pass@host:5432/dbname"},
    {"postgresql://user:pass@host:5432/dbname", "user:pass@host:5432/dbname"},
    {"postgres://user:pass@host:5432/dbname", "user:pass@host:5432/dbname"},
    // what may be left out
    {"postgresql://host/d", ":@host:5432/d"},
    {"postgresql://host", ":@host:5432/"},
    {"postgresql://host/", ":@host:5432/"},
    {"postgresql://user@host/d", "user:@host:5432/d"},
    {"postgresql://user:@host/d", "user:@host:5432/d"},
    {"postgresql://:p@host/d", ":p@host:5432/d"},
    {"postgresql://host:/d", ":@host:5432/d"},
    {"postgresql://host?sslmode=require", ":@host:5432/ sslmode=require"},
    {"postgresql://host/d?", ":@host:5432/d"},
    // escapes
    {"postgresql://u%40corp:p%40%2F%3A%25@h/d%20e", "u@corp:p@/:%@h:5432/d e"},
    {"postgresql+asyncpg://u:a+b@h/d", "u:a+b@h:5432/d"},
    {"postgresql+asyncpg://u:a/b?c:d#e@h/d", "u:a/b?c:d#e@h:5432/d"},
    {"postgresql://u:a?b#c@h/d", "u:a?b#c@h:5432/d"},
    {"postgresql://h/d?application_name=a+b", ":@h:5432/d application_name=a+b"},
    {"postgresql+asyncpg://h/d?application_name=a+b", ":@h:5432/d application_name=a b"},
    {"postgresql+asyncpg://h/d?application_name=a%2Bb", ":@h:5432/d application_name=a+b"},
    {"postgresql://h/d?options=-c%20jit%3Doff", ":@h:5432/d options=-c jit=off"},
    {"postgresql://h/d?options=-cjit=off", ":@h:5432/d options=-cjit=off"},
    // addresses
    {"postgresql://10.0.0.1:6000/d", ":@10.0.0.1:6000/d"},
    {"postgresql://[2001:db8::1]:6000/d", ":@2001:db8::1:6000/d"},
    {"postgresql+asyncpg://u:p@[::1]/d", "u:p@::1:5432/d"},
    {"postgresql://[fe80::1%25eth0]/d", ":@fe80::1%eth0:5432/d"},
    {"postgresql:///d?hostaddr=10.0.0.1", ":@10.0.0.1:5432/d"},
    // several hosts
    {"postgresql://u@h1:5432,h2:5433/d", "u:@h1:5432,h2:5433/d"},
    {"postgresql://h1,h2:5433,[::1]/d", ":@h1:5432,h2:5433,::1:5432/d"},
    {"postgresql+asyncpg://u:p@/d?host=h1:5432&host=h2:5433", "u:p@h1:5432,h2:5433/d"},
    {"postgresql+asyncpg://u:p@/d?host=h1&host=h2&port=1&port=2", "u:p@h1:1,h2:2/d"},
    {"postgresql:///d?host=h1,h2&port=5432,5433", ":@h1:5432,h2:5433/d"},
    {"postgresql:///d?host=h1,h2&port=6000", ":@h1:6000,h2:6000/d"},
    {"postgresql:///d?host=h1,h2&port=6000,", ":@h1:6000,h2:5432/d"},
    {"postgresql:///d?host=::1,[::2]:6000", ":@::1:5432,::2:6000/d"},
    {"postgresql://h1,h2/d?port=6000,6001", ":@h1:6000,h2:6001/d"},
    // Unix sockets
    {"postgresql:///d?host=/run/postgresql", ":@/run/postgresql:5432/d"},
    {"postgresql+asyncpg://u@/d?host=/tmp&port=6000", "u:@/tmp:6000/d"},
    {"postgresql://%2Frun%2Fpostgresql/d", ":@/run/postgresql:5432/d"},
    {"postgresql://:6000/d?host=/tmp", ":@/tmp:6000/d"},
    // places as arguments
    {"postgresql://h?user=u&password=p%26q&dbname=d", "u:p&q@h:5432/d"},
    {"postgresql+asyncpg://h?database=d", ":@h:5432/d"},
    // asyncpg's arguments
    {"postgresql+asyncpg://h/d?ssl=require", ":@h:5432/d sslmode=require"},
    {"postgresql+asyncpg://h/d?ssl=true", ":@h:5432/d sslmode=require"},
    {"postgresql+asyncpg://h/d?ssl=False", ":@h:5432/d sslmode=disable"},
    {"postgresql+asyncpg://h/d?ssl=verify-full", ":@h:5432/d sslmode=verify-full"},
    {"postgresql+asyncpg://h/d?server_settings=jit=off,search_path=a\\,b%20c",
     ":@h:5432/d options=-c jit=off -c search_path=a,b\\ c"},
    {"postgresql+asyncpg://h/d?options=-cjit%3Doff&server_settings=work_mem=4MB",
     ":@h:5432/d options=-cjit=off -c work_mem=4MB"},
    // libpq's
    {"postgresql://h/d?keepalives=1&keepalives_idle=30&target_session_attrs=read-write",
     ":@h:5432/d keepalives=1 keepalives_idle=30 target_session_attrs=read-write"},
};

struct refused {
  std::string_view url;
  /// A part of the sentence.
  std::string_view because;
};

const std::vector<refused> refused_urls{
    {"", "no '://'"},
    {"host=h dbname=d", "no '://'"},
    {"mysql://h/d", "the scheme must be one of"},
    {"postgresql+psycopg2://h/d", "the scheme must be one of"},
    {"POSTGRESQL://h/d", "the scheme must be one of"},
    {"postgresql://h/d\n", "control character"},
    {"postgresql://h/d ", "begins or ends with a space"},
    {"postgresql://", "the host is missing"},
    {"postgresql:///d", "the host is missing"},
    {"postgresql://u:p@/d", "the host is missing"},
    {"postgresql://u:p@:5432/d", "host number 1 is empty"},
    {"postgresql://h1,,h2/d", "host number 2 is empty"},
    {"postgresql://h1,/d", "host number 2 is empty"},
    {"postgresql:///d?host=", "host number 1 is empty"},
    {"postgresql:///d?host=:5432", "host number 1 is empty"},
    {"postgresql:///d?host=h1,", "host number 2 is empty"},
    {"postgresql://a b/d", "host number 1 must be"},
    {"postgresql://h:0/d", "the port of host number 1"},
    {"postgresql://h:65536/d", "the port of host number 1"},
    {"postgresql://h:5432x/d", "the port of host number 1"},
    {"postgresql://h:-1/d", "the port of host number 1"},
    {"postgresql://h1,h2:x/d", "the port of host number 2"},
    {"postgresql:///d?host=h&port=x", "the port of argument 'port'"},
    {"postgresql:///d?host=h1,h2,h3&port=1,2", "2 ports for 3 hosts"},
    {"postgresql:///d?host=h1:1&port=2", "has its port already"},
    {"postgresql://[::1/d", "unbalanced brackets"},
    {"postgresql://[::1]x/d", "unbalanced brackets"},
    {"postgresql://[h]/d", "not an IPv6 address"},
    {"postgresql://[::1%eth0]/d", "broken %XX escape"},
    {"postgresql://u:p%zz@h/d", "the password has a broken %XX escape"},
    {"postgresql://u:p%00@h/d", "the password has a broken %XX escape"},
    {"postgresql://u%4:p@h/d", "the user has a broken %XX escape"},
    {"postgresql://h/d%", "the database name has a broken %XX escape"},
    {"postgresql://u:a@b@h/d", "a second '@'"},
    {"postgresql://u:a/b@h/d", "is written %2F"},
    {"postgresql+asyncpg://a/b:p@h/d", "is written %2F"},
    {"postgresql://h/d/e", "a '/' in the database name"},
    {"postgresql://h1/d?host=h2", "the hosts are given twice"},
    {"postgresql:///d?host=h&hostaddr=10.0.0.1", "the hosts are given twice"},
    {"postgresql:///d?hostaddr=h", "must be IPv4 or IPv6 addresses"},
    {"postgresql://u@h/d?user=v", "the user is given twice"},
    {"postgresql://u:p@h/d?password=q", "the password is given twice"},
    {"postgresql://h/d?dbname=e", "the database name is given twice"},
    {"postgresql://h?dbname=d&database=e", "given before under another name"},
    {"postgresql://h/d?sslmode=require&sslmode=disable", "'sslmode' is given twice"},
    {"postgresql://h/d?ssl=true&sslmode=disable", "'sslmode' is given twice"},
    {"postgresql://h/d?sslmode=disable&ssl=true", "sslmode says this already"},
    {"postgresql://h/d?sslmode=on", "must be one of disable, allow"},
    {"postgresql://h/d?ssl=1", "must be true, false or one of"},
    {"postgresql://h/d?keepalives_idle=x", "must be a whole number"},
    {"postgresql://h/d?connect_timeout=0", "must be longer than 0"},
    {"postgresql://h/d?timeout=-1", "must be longer than 0"},
    {"postgresql://h/d?command_timeout=abc", "must be longer than 0"},
    {"postgresql://h/d?timeout=1&connect_timeout=2", "given before under another name"},
    {"postgresql://h/d?statement_cache_size=-1", "must be a whole number"},
    {"postgresql://h/d?server_settings=jit", "must be name=value"},
    {"postgresql://h/d?server_settings=a=b,", "must be name=value"},
    {"postgresql://h/d?server_settings=a=b\\", "must be name=value"},
    {"postgresql://h/d?sslmod=require",
     "argument 'sslmod' is unknown; allowed: application_name, "},
    {"postgresql://h/d?S3cr3t=1", "argument number 1 is unknown"},
    {"postgresql://h/d?sslmode", "not of the form key=value"},
    {"postgresql://h/d?sslmode=require&", "argument 2 behind the '?' is not of the form"},
    {"postgresql://h/d?=x", "not of the form key=value"},
    {"postgresql://h/d?application_name=%x", "has a broken %XX escape"},
};

} // namespace

TEST_CASE("a URL of libpq or SQLAlchemy means the same as there") {
  for (auto& [url, means] : accepted_urls) {
    INFO(url);
    CHECK(parsed(url) == means);
  }
}

TEST_CASE("a malformed or contradictory URL is refused with the reason") {
  for (auto& [url, because] : refused_urls) {
    INFO(url << "\n" << parsed(url));
    auto target = parse_database_url(url);
    REQUIRE_FALSE(target);
    CHECK(target.error() == errc::invalid_argument);
    CHECK(detail(target.error()).what.find(because) != std::string::npos);
  }
}

TEST_CASE("asyncpg's timeouts and cache sizes become settings of ours") {
  auto target = parse_database_url("postgresql+asyncpg://h/d?timeout=2.5&command_timeout=60"
                                   "&statement_cache_size=100&prepared_statement_cache_size=0");
  REQUIRE(target);
  CHECK(target->connect_timeout == 2500ms);
  CHECK(target->statement_timeout == 60s);
  // PgBouncer's users switch off one of the two and mean both.
  CHECK(target->statement_cache == 0u);
  CHECK(target->parameters.empty());
}

TEST_CASE("a URL says nothing about settings it does not mention") {
  auto target = parse_database_url("postgresql://h/d");
  REQUIRE(target);
  CHECK_FALSE(target->connect_timeout);
  CHECK_FALSE(target->statement_timeout);
  CHECK_FALSE(target->statement_cache);
}

TEST_CASE("a URL without end or with too many hosts is refused") {
  CHECK_FALSE(parse_database_url("postgresql://h/" + std::string(max_url_bytes, 'd')));
  auto url = std::string{"postgresql://h"};
  for (size_t i = 1; i < max_url_hosts; ++i)
    url += ",h";
  CHECK(parse_database_url(url));
  CHECK_FALSE(parse_database_url(url + ",h"));
}

TEST_CASE("arguments of asyncpg that we lack are refused with what to do instead") {
  for (auto& name : refused_database_url_arguments()) {
    auto target = parse_database_url("postgresql+asyncpg://h/d?" + name + "=1");
    INFO(name);
    REQUIRE_FALSE(target);
    CHECK(detail(target.error())
              .what.find("argument '" + name + "' is not supported, leave it out") !=
          std::string::npos);
  }
}
