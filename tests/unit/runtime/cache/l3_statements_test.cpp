#include "dbs/runtime/cache/l3_statements.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/utf8.hpp"
#include "dbs/runtime/postgres/statement_class.hpp"
#include "dbs/testing/scripted/result_literals.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <random>

using namespace dbs;
using namespace dbs::cache;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

const std::vector<std::string> characters{"a",
                                          "b",
                                          "\x7f",
                                          "\xc2\x80",         // U+0080
                                          "\xdf\xbf",         // U+07FF
                                          "\xe0\xa0\x80",     // U+0800
                                          "\xed\x9f\xbf",     // U+D7FF, before the surrogates
                                          "\xee\x80\x80",     // U+E000, behind them
                                          "\xef\xbf\xbf",     // U+FFFF
                                          "\xf0\x90\x80\x80", // U+10000
                                          "\xf4\x8f\xbf\xbf"};

std::string random_text(std::mt19937& random, size_t most) {
  std::string result;
  for (auto n = random() % (most + 1); n > 0; --n)
    result += characters[random() % characters.size()];
  return result;
}

} // namespace

TEST_CASE("what begins with a prefix lies between it and what comes after it") {
  CHECK(after_prefix("a") == "b");
  CHECK(after_prefix("a\x7f") == "a\xc2\x80");
  CHECK(after_prefix("\xed\x9f\xbf") == "\xee\x80\x80");
  CHECK(after_prefix("a\xf4\x8f\xbf\xbf") == "b");
  CHECK_FALSE(after_prefix("\xf4\x8f\xbf\xbf"));
  CHECK_FALSE(after_prefix(""));
  std::mt19937 random{1};
  for (int i = 0; i < 20'000; ++i) {
    auto prefix = random_text(random, 3);
    auto text = random_text(random, 5);
    auto end = after_prefix(prefix);
    INFO(prefix << " and " << text);
    REQUIRE((!end || is_utf8(*end)));
    REQUIRE(text.starts_with(prefix) == (text >= prefix && (!end || text < *end)));
  }
}

TEST_CASE("statements may share connections, and their kind is seen by their text") {
  l3_statements sql{"some.cache", 30s};
  wall_time now{500'000h};
  auto read = sql.read({"a"}, now, 1);
  CHECK(postgres::may_share(read.sql));
  CHECK(postgres::only_reads(read.sql));
  CHECK(read.binary);
  stored_value value;
  std::vector<l3_row> rows{{"k", &value, version{}}};
  for (auto& x : {sql.write(rows, now), sql.erase({l3_scope::tag, "t", {1, 1}, ""}, now, 5),
                  sql.erase({l3_scope::prefix, "", {1, 1}, ""}, now, 5), sql.clean(now, 5)}) {
    CHECK(postgres::may_share(x.sql));
    CHECK_FALSE(postgres::only_reads(x.sql));
    CHECK_THAT(x.sql, ContainsSubstring("\"some\".\"cache\""));
    CHECK(x.params.error().empty());
  }
  // and work where sessions are lent for a transaction
  CHECK_FALSE(postgres::needs_own_session(sql.create().sql));
}

TEST_CASE("times are kept to the millisecond, and null stands for never") {
  l3_statements sql{"t", 30s};
  wall_time now{500'000h};
  stored_value value;
  value.vers = {1, 2};
  value.soft = now + 1ms;
  value.hard = now + 60s;
  std::vector<l3_row> rows{{"k", &value, std::nullopt}};
  auto write = sql.write(rows, now);
  CHECK(std::string{write.params.c_str(4)} == "{\"2027-01-15 08:00:00.001000+00\"}");
  // what it is kept until: the later one of its end and of 30 s
  CHECK(std::string{write.params.c_str(6)} == "{\"2027-01-15 08:01:00.000000+00\"}");
  value.hard = now + 10s;
  CHECK(std::string{sql.write(rows, now).params.c_str(6)} == "{\"2027-01-15 08:00:30.000000+00\"}");
  value.soft = value.hard = wall_time::max();
  write = sql.write(rows, now);
  CHECK(std::string{write.params.c_str(4)} == "{NULL}");
  CHECK(std::string{write.params.c_str(6)} == "{infinity}");
  value.kind = stored_kind::tombstone;
  write = sql.write(rows, now);
  CHECK(std::string{write.params.c_str(6)} == "{\"2027-01-15 08:00:30.000000+00\"}");
  CHECK(std::string{write.params.c_str(8)} == "{NULL}"); // a tombstone has no value
}

TEST_CASE("what is there is ours, nobody's, or refused") {
  l3_statements sql{"t", 30s};
  auto judge = [&](const char* comment, const char* columns) {
    return sql.judge(testing::query_result({"c", "n"}, {make_params(comment, columns)}));
  };
  auto ours = "key text, epoch bigint, sequence bigint, kind smallint, "
              "soft timestamp with time zone, hard timestamp with time zone, "
              "keep_until timestamp with time zone, tags text[], value bytea";
  CHECK(*judge("DatabaseServices cache, version 1", ours));
  CHECK_FALSE(*sql.judge(testing::query_result({"c", "n"}, {})));
  CHECK(judge(nullptr, ours).error() == errc::config_invalid);
  CHECK(judge("DatabaseServices cache, version ", ours).error() == errc::config_invalid);
  CHECK(judge("DatabaseServices cache, version 1x", ours).error() == errc::config_invalid);
  CHECK_THAT(describe(judge("DatabaseServices cache, version 10", ours).error()),
             ContainsSubstring("of version 10, made by a newer program"));
  CHECK_THAT(describe(judge("DatabaseServices cache, version 1", "key text").error()),
             ContainsSubstring("has other columns than its version: key text"));
}
