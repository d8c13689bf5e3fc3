#include "dbs/messages/all.hpp"
#include "dbs/messages/enum_names.hpp"

#include "unit/messages/serialize.hpp"

#include <caf/sec.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <set>
#include <string>

using namespace dbs;
using namespace std::chrono_literals;

namespace {

/// Walks through all values that an enum's one byte can have.
template <class Enum>
size_t check_names() {
  std::set<std::string> names;
  for (auto i = 0; i < 256; ++i) {
    Enum x{};
    if (!from_integer(static_cast<uint8_t>(i), x)) {
      CHECK(to_string(static_cast<Enum>(i)) == "invalid(" + std::to_string(i) + ")");
      continue;
    }
    CHECK(static_cast<int>(x) == i);
    Enum parsed{};
    CHECK(from_string(to_string(x), parsed));
    CHECK(parsed == x);
    names.insert(to_string(x));
  }
  Enum untouched{};
  CHECK_FALSE(from_string("no such name", untouched));
  CHECK_FALSE(from_string("", untouched));
  return names.size();
}

} // namespace

TEST_CASE("every enumerator has a name of its own that is read back") {
  CHECK(check_names<errc>() == static_cast<size_t>(last_errc) + 1);
  CHECK(check_names<caller_class>() == 3);
  CHECK(check_names<health_status>() == 3);
  CHECK(check_names<child_state>() == 7);
  CHECK(check_names<pg_isolation>() == 4);
  CHECK(check_names<pg_savepoint_action>() == 3);
}

TEST_CASE("names stand beside their enumerators") {
  CHECK(to_string(errc::none) == "none");
  CHECK(to_string(errc::pool_exhausted) == "pool_exhausted");
  CHECK(to_string(errc::in_doubt) == "in_doubt");
  CHECK(to_string(errc::query_failed) == "query_failed");
  CHECK(to_string(errc::stale_fence) == "stale_fence");
  CHECK(to_string(errc::peer_unavailable) == "peer_unavailable");
  CHECK(to_string(caller_class::batch) == "batch");
  CHECK(to_string(health_status::degraded) == "degraded");
  CHECK(to_string(child_state::not_ready) == "not_ready");
  CHECK(to_string(pg_isolation::repeatable_read) == "repeatable_read");
  CHECK(to_string(pg_savepoint_action::rollback_to) == "rollback_to");
}

TEST_CASE("an error carries its detail") {
  auto err =
      fail(errc::pool_exhausted, "no connection became free within 5s", {{"waiting", int64_t{17}}});
  CHECK(err == errc::pool_exhausted);
  CHECK(detail(err).what == "no connection became free within 5s");
  CHECK(detail(err).fields == std::vector<field>{{"waiting", int64_t{17}}});
  CHECK(describe(err) == "pool_exhausted: no connection became free within 5s");
}

TEST_CASE("an error of the server is described with its SQLSTATE") {
  auto err = fail(errc::query_failed, {"duplicate key", std::nullopt, "23505", {}});
  CHECK(describe(err) == "query_failed: duplicate key [23505]");
}

TEST_CASE("an error without a sentence is described by its code") {
  CHECK(describe(fail(errc::draining, "")) == "draining");
  CHECK(describe(caf::error{}) == "none");
  CHECK(detail(caf::error{}) == error_detail{});
}

TEST_CASE("CAF's own errors are described in CAF's words") {
  caf::error err{caf::sec::request_receiver_down};
  CHECK(describe(err) == to_string(err));
  CHECK(detail(err).what == to_string(err));
}

TEST_CASE("an error travels with its detail") {
  error_detail before{"too many", 1500ms, "53300", {{"a", true}, {"b", 0.5}, {"c", "x"}}};
  auto bytes = test::serialize(fail(errc::overloaded, before));
  caf::binary_deserializer source{nullptr, bytes.data(), bytes.size()};
  caf::error copy;
  REQUIRE(source.apply(copy));
  CHECK(copy == errc::overloaded);
  CHECK(detail(copy) == before);
}

TEST_CASE("a field renders its value alone") {
  CHECK(to_string(field::value_type{true}) == "true");
  CHECK(to_string(field::value_type{false}) == "false");
  CHECK(to_string(field::value_type{int64_t{-42}}) == "-42");
  CHECK(to_string(field::value_type{0.25}) == "0.25");
  CHECK(to_string(field::value_type{std::string{"text"}}) == "text");
}
