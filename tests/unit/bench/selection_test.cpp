#include "harness/report.hpp"
#include "harness/selection.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using namespace dbs::bench;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

namespace {

figure named(std::string name) {
  figure result;
  result.name = std::move(name);
  return result;
}

const std::vector<figure> all{named("pool_a"), named("pool_b"), named("node")};

std::string names_of(const std::vector<figure>& figures) {
  std::string result;
  for (auto& x : figures)
    result += x.name + " ";
  return result;
}

} // namespace

TEST_CASE("figures are chosen by name or by the beginning of names, in their own order") {
  CHECK(names_of(select(all, {})) == "pool_a pool_b node ");
  CHECK(names_of(select(all, {"node", "pool"})) == "pool_a pool_b node ");
  CHECK(names_of(select(all, {"pool_b"})) == "pool_b ");
}

TEST_CASE("a name that fits no figure is refused by name, whatever the others are") {
  CHECK_THROWS_MATCHES(
      select(all, {"pool", "cache", "lock"}), std::invalid_argument,
      MessageMatches(ContainsSubstring("'cache', 'lock'") && !ContainsSubstring("pool")));
}

TEST_CASE("the sum tells targets that were met and missed from figures that failed") {
  tally sum;
  for (auto text : {R"({"ok": true})", R"({"ok": true})", R"({"ok": false})", R"({"ok": null})",
                    R"({"ok": false, "error": "it broke"})"})
    sum.count(nlohmann::json::parse(text));
  CHECK(sum.text() == "2 met, 1 missed, 1 not measured");
  CHECK(sum.failed() == 1);
}
