// What the lines of a log look like, and what must not be in them.
#include "unit/runtime/observe/log_fixture.hpp"

#include "dbs/config/secret_name.hpp"
#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/observe/mask.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <utility>
#include <vector>

using namespace dbs::observe;
using dbs::field;
using dbs::is_secret_name;
using nlohmann::json;
using fixture = dbs::observe::test::log_fixture;

// -- layouts ---------------------------------------------------------------------

TEST_CASE("a text line has time, level, component, message and fields", "[observe][log]") {
  fixture f;
  f.log().log("postgres_pool", log_level::warning, "connection lost",
              {{"endpoint", "127.0.0.1:5432"},
               {"reason", "reset by \"peer\""},
               {"idle", int64_t{3}},
               {"load", 0.5},
               {"draining", false},
               {"note", ""}});
  CHECK(f.only_line() ==
        "2026-01-31T12:00:00.250Z warning postgres_pool connection lost endpoint=127.0.0.1:5432 "
        R"(reason="reset by \"peer\"" idle=3 load=0.5 draining=false note="")");
}

TEST_CASE("a JSON line is one object", "[observe][log]") {
  fixture f{"json"};
  f.log().log("cache", log_level::info, "say \"hi\"", {{"l1.hits", int64_t{7}}, {"ok", true}});
  CHECK(json::parse(f.only_line()) ==
        json::parse(R"({"ts": "2026-01-31T12:00:00.250Z", "level": "info",
          "component": "cache", "message": "say \"hi\"", "fields": {"l1.hits": 7, "ok": true}})"));
}

TEST_CASE("what is below the level is not logged", "[observe][log]") {
  fixture f;
  f.settings.level = "warning";
  f.log().log("cache", log_level::info, "one");
  CHECK(f.lines().empty());
  f.log().set_level(log_level::debug);
  f.log().log("cache", log_level::debug, "two");
  CHECK(f.lines().size() == 1);
  f.log().set_level(log_level::off);
  f.log().log("cache", log_level::error, "three");
  f.log().log("cache", log_level::off, "four");
  CHECK(f.lines().size() == 1);
}

// -- injection, length and secrets -----------------------------------------------

TEST_CASE("no value can start a line or command a terminal", "[observe][log]") {
  const std::string evil = "a\r\n2026 error forged\x1b[2J\x7f\xc2\x85\xe2\x80\xa8\xff\0z";
  for (std::string format : {"text", "json"}) {
    CAPTURE(format);
    fixture f{format};
    f.log().log(evil, log_level::info, evil, {{"value", evil}, {evil, int64_t{1}}});
    auto line = f.only_line();
    CHECK(std::none_of(line.begin(), line.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }));
    CHECK(line.find("\xc2\x85") == std::string::npos);
    CHECK(line.find("\xe2\x80\xa8") == std::string::npos);
    CHECK(line.find('\xff') == std::string::npos);
    if (format == "json") {
      auto object = json::parse(line);
      CHECK(object.at("fields").size() == 2);
      CHECK(object.at("message").get<std::string>().starts_with("a\r\n2026 error forged\x1b[2J"));
    }
  }
}

TEST_CASE("a value with blanks cannot pass for another field", "[observe][log]") {
  fixture f;
  f.log().log("cache", log_level::info, "read", {{"a", "1 admin=true"}, {"b", "x=y"}});
  CHECK(f.only_line().ends_with(R"(read a="1 admin=true" b="x=y")"));
}

TEST_CASE("a line is never longer than 8 KiB, and says that it was cut", "[observe][log]") {
  for (std::string format : {"text", "json"}) {
    for (std::string filler : {"x", "\n", "\x01", "\xff", "\xe2\x82\xac", "\""}) {
      CAPTURE(format, filler);
      fixture f{format};
      std::string huge;
      while (huge.size() < 100'000)
        huge += filler;
      std::vector<field> fields;
      for (int i = 0; i < 50; ++i)
        fields.push_back({"field" + std::to_string(i), huge.substr(0, 300)});
      fields.insert(fields.begin() + 1, {"huge", huge});
      f.log().log(huge, log_level::info, huge, fields);
      auto line = f.only_line();
      CHECK(line.size() < 8192);
      CHECK(line.size() > 6000);
      CHECK(line.find("[cut]") != std::string::npos);
      CHECK(line.find("omitted_fields") != std::string::npos);
      if (format == "json") {
        auto object = json::parse(line);
        CHECK(object.at("omitted_fields").get<size_t>() + object.at("fields").size() == 51);
      }
    }
  }
}

TEST_CASE("values with telling names are masked", "[observe][log]") {
  for (std::string format : {"text", "json"}) {
    fixture f{format};
    f.log().log("redis", log_level::info, "connecting",
                {{"redis.Password", "hunter2"},
                 {"api_key", "hunter2"},
                 {"client_secret", "hunter2"},
                 {"TOKEN", int64_t{4711}},
                 {"host", "localhost"}});
    auto line = f.only_line();
    CHECK(line.find("hunter2") == std::string::npos);
    CHECK(line.find("4711") == std::string::npos);
    CHECK(line.find("localhost") != std::string::npos);
    CHECK(line.find("***") != std::string::npos);
  }
}

TEST_CASE("credentials in URLs are masked in messages and values", "[observe][log]") {
  fixture f;
  f.log().log("redis", log_level::error, "cannot reach redis://app:hunter2@db:6379/0",
              {{"url", "postgresql://app:hun/t@er2@h1,h2/x?sslmode=require"}});
  CHECK(f.only_line().ends_with(
      R"(cannot reach redis://***@db:6379/0 url="postgresql://***@h1,h2/x?sslmode=require")"));
}

TEST_CASE("masking leaves other text alone", "[observe][log]") {
  CHECK(mask_urls("") == "");
  CHECK(mask_urls("mail me@example.org") == "mail me@example.org");
  CHECK(mask_urls("see http://host/path, http://other") == "see http://host/path, http://other");
  CHECK(mask_urls("a://u:p@h b://h c://:p@h") == "a://***@h b://h c://***@h");
  CHECK(mask_urls("://") == "://");
  CHECK(mask_urls("x://@h") == "x://***@h");
  CHECK_FALSE(is_secret_name("endpoint"));
}

TEST_CASE("secrets among the arguments of a URL are masked", "[observe][log]") {
  CHECK(mask_urls("postgresql://h/d?password=S3cret") == "postgresql://h/d?password=***");
  CHECK(mask_urls("redis://h?password=S3cret, then") == "redis://h?password=*** then");
  CHECK(mask_urls("postgresql://u:S3cret@h/d?a=b&sslpassword=S3cret&passfile=/x#y z") ==
        "postgresql://***@h/d?a=b&sslpassword=***&passfile=/x#y z");
  CHECK(mask_urls("postgresql://h/d?p%61ssword=S3cret&x=1") ==
        "postgresql://h/d?p%61ssword=***&x=1");
  CHECK(mask_urls("redis://h?PassWord=S3c=ret;db=3") == "redis://h?PassWord=***;db=3");
  // Not percent-encoded, as they should be.
  CHECK(mask_urls("redis://h?password=S3c@ret&db=3") == "redis://***@***&db=3");
  CHECK(mask_urls("redis://h?db=3&password=S3@c@ret") == "redis://***@***");
  CHECK(mask_urls("redis://u:S3?cret@h/0") == "redis://***@***");
}

TEST_CASE("no argument of a URL tells its secret, wherever the special characters are",
          "[observe][log]") {
  for (char special : std::string{"@?&=;/:#%"})
    for (auto place : {size_t{0}, size_t{2}, size_t{5}}) {
      std::string secret = "S3cretS3cret";
      secret.insert(place, 1, special);
      for (std::string before : {"redis://h?password=", "redis://u@h/0?db=1&password="}) {
        auto shown = mask_urls(before + secret);
        // What stands behind a raw & or ; is another argument.
        if (special == '&' || special == ';')
          continue;
        INFO(shown);
        CHECK(shown.find("cret") == std::string::npos);
      }
    }
}

TEST_CASE("literals in SQL are masked, and nothing else", "[observe][log]") {
  CHECK(mask_sql("ALTER ROLE x PASSWORD 'S3cret'") == "ALTER ROLE x PASSWORD '***'");
  CHECK(mask_sql("select 'a''S3cret', b from \"it's\" where c = $1") ==
        "select '***', b from \"it's\" where c = $1");
  CHECK(mask_sql("select E'a\\'S3cret', e'\\\\', 1") == "select E'***', e'***', 1");
  CHECK(mask_sql("select 'a\\', 1") == "select '***'"); // with which settings?
  CHECK(mask_sql("select name'x', n'x', U&'x'") == "select name'***', n'***', U&'***'");
  CHECK(mask_sql("do $$ S3cret 'x' $$ language plpgsql") == "do $$***$$ language plpgsql");
  CHECK(mask_sql("do $a1$ S3cret $$ $a$ $a1$; select $1") == "do $a1$***$a1$; select $1");
  CHECK(mask_sql("select a$$b, 'x' from c$$d") == "select a$$b, '***' from c$$d");
  CHECK(mask_sql("select 1 -- it's\n, 'x'") == "select 1 -- it's\n, '***'");
  CHECK(mask_sql("select /* it's /* nested */ 's */ 'x'") ==
        "select /* it's /* nested */ 's */ '***'");
  CHECK(mask_sql("select 1 - 2 / 3 * 4") == "select 1 - 2 / 3 * 4");
  CHECK(mask_sql("") == "");
}

TEST_CASE("a statement that was cut tells nothing of its last literal", "[observe][log]") {
  CHECK(mask_sql("alter role x password 'S3c") == "alter role x password '***'");
  CHECK(mask_sql("select E'S3c\\") == "select E'***'");
  CHECK(mask_sql("select $tag$ S3c $ta") == "select $tag$***$tag$");
  CHECK(mask_sql("select $ta") == "select $ta");
  CHECK(mask_sql("select \"ab") == "select \"ab");
  CHECK(mask_sql("select 1 /* ab") == "select 1 /* ab");
  CHECK(mask_sql("select '" + std::string(100'000, 'x') + "'") == "select '***'");
  CHECK(mask_sql(std::string(100'000, 'x')).size() == 4096);
}

// -- repetition ------------------------------------------------------------------

TEST_CASE("repeated messages are held back, counted and reported", "[observe][log]") {
  fixture f;
  f.options.max_repeats = 3;
  for (int i = 0; i < 10; ++i)
    f.log().log("redis", log_level::error, "connect failed", {{"attempt", int64_t{i}}});
  REQUIRE(f.lines().size() == 3);
  CHECK(f.log().stats().suppressed == 7);

  SECTION("other messages, levels and components are not affected") {
    f.log().log("redis", log_level::error, "connect refused");
    f.log().log("redis", log_level::warning, "connect failed");
    f.log().log("pubsub", log_level::error, "connect failed");
    CHECK(f.lines().size() == 6);
  }
  SECTION("the count comes with the first line after the window, whatever that is") {
    f.now += f.options.repeat_window;
    f.log().log("cache", log_level::info, "something else");
    REQUIRE(f.lines().size() == 5);
    CHECK(f.lines()[3].ends_with("error redis connect failed suppressed=7\n"));
    CHECK(f.lines()[4].ends_with("info cache something else\n"));
  }
  SECTION("after the window the message is logged again") {
    f.now += f.options.repeat_window;
    f.log().log("redis", log_level::error, "connect failed");
    REQUIRE(f.lines().size() == 5);
    CHECK(f.lines()[3].ends_with("suppressed=7\n"));
    CHECK(f.lines()[4].ends_with("error redis connect failed\n"));
  }
  SECTION("a flush reports what was held back") {
    f.log().flush();
    REQUIRE(f.lines().size() == 4);
    CHECK(f.lines()[3].ends_with("suppressed=7\n"));
    f.log().flush();
    CHECK(f.lines().size() == 4);
  }
  SECTION("so does the end of the logger") {
    f.ptr.reset();
    CHECK(f.lines().size() == 4);
  }
  SECTION("a clock that is set back does not silence a message for long") {
    f.now -= std::chrono::hours{24};
    f.log().log("redis", log_level::error, "connect failed");
    CHECK(f.lines().back().ends_with("error redis connect failed\n"));
  }
}

TEST_CASE("no count is lost when more messages repeat than are remembered", "[observe][log]") {
  fixture f;
  f.options.max_repeats = 1;
  f.options.max_remembered = 4;
  constexpr int messages = 20, repeats = 5;
  for (int i = 0; i < messages; ++i) {
    f.now += std::chrono::milliseconds{1};
    for (int k = 0; k < repeats; ++k)
      f.log().log("cache", log_level::info, "message " + std::to_string(i));
  }
  f.log().flush();
  size_t reports = 0;
  for (auto& line : f.lines())
    reports += line.ends_with("suppressed=4\n") ? 1 : 0;
  CHECK(reports == messages);
  CHECK(f.lines().size() == 2 * messages);
}
