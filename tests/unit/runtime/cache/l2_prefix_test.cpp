#include "unit/runtime/cache/l2_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace dbs;
using namespace dbs::cache;
using namespace dbs::test;
using namespace std::chrono_literals;

namespace {

/// As SCAN answers.
std::string page(const std::string& cursor, const std::vector<std::string>& keys) {
  auto result = "*2\r\n" + bulk(cursor) + "*" + std::to_string(keys.size()) + "\r\n";
  for (auto& key : keys)
    result += bulk(key);
  return result;
}

} // namespace

TEST_CASE_METHOD(l2_fixture, "a prefix is searched page by page, and what is found is erased") {
  pages = {page("17", {"dbs:c:pa", "dbs:c:pb"}), page("4", {}), page("0", {"dbs:c:pc"})};
  CHECK(answer_to(erase_prefix("p", {1, 2})) == "erased");
  auto& received = links[0].received;
  CHECK(links.received("SCAN") == 3);
  CHECK(links.received("EVAL") == 2);
  auto first = received[received.size() - 5];
  CHECK(first == words{"SCAN", "0", "MATCH", "dbs:c:p*", "COUNT", "1000"});
  CHECK(received[received.size() - 4][3] == "dbs:c:pa");
  CHECK(received[received.size() - 4][4] == "dbs:c:pb");
  CHECK(received[received.size() - 3][1] == "17");
  CHECK(received[received.size() - 2][1] == "4");
}

TEST_CASE_METHOD(l2_fixture, "many keys of a page are erased by several calls, none of them long") {
  std::vector<std::string> keys;
  for (int i = 0; i < 250; ++i)
    keys.push_back("dbs:c:" + std::to_string(i));
  pages = {page("0", keys)};
  CHECK(answer_to(erase_prefix("", {1, 2})) == "erased");
  CHECK(links.received("EVAL") == 3);
  CHECK(links[0].received.back()[2] == "50");
}

TEST_CASE_METHOD(l2_fixture, "what a pattern has of its own is escaped") {
  pages = {page("0", {})};
  CHECK(answer_to(erase_prefix("a*?[x-z]\\^", {1, 2})) == "erased");
  CHECK(links[0].received.back()[3] == "dbs:c:a\\*\\?\\[x\\-z\\]\\\\\\^*");
}

TEST_CASE_METHOD(l2_fixture, "the first error ends the search") {
  SECTION("of a page") {
    pages = {page("1", {}), "-ERR no\r\n"};
    CHECK(answer_to(erase_prefix("p", {1, 2})) == "query_failed");
  }
  SECTION("of what was found") {
    pages = {page("1", {"dbs:c:p"}), page("0", {})};
    script = "-OOM no memory\r\n";
    CHECK(answer_to(erase_prefix("p", {1, 2})) == "query_failed");
    CHECK(pages.size() == 1);
  }
  SECTION("in the answer") {
    pages = {"*1\r\n*0\r\n"};
    CHECK(answer_to(erase_prefix("p", {1, 2})) == "protocol_error");
  }
  CHECK(counted().errors == 1);
  CHECK(l2().open_calls() == 0);
}
