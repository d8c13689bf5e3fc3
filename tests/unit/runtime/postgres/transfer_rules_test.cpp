#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/postgres/transfer_rules.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace dbs;
using namespace dbs::postgres;
using step = pg_transfer_action;

namespace {

pg_transfer binary(step action, std::string sql) {
  return {{1}, action, in_binary(make_statement(std::move(sql))), {}, {}};
}

} // namespace

TEST_CASE("a stream may be binary, a COPY says its format itself") {
  CHECK_FALSE(check_transfer(binary(step::stream, "select 1")));
  for (auto& what :
       {binary(step::copy_out, "copy t to stdout"), binary(step::copy_in, "copy t from stdin")}) {
    auto problem = check_transfer(what);
    CHECK(problem == errc::invalid_argument);
    CHECK(detail(problem).what.find("COPY has its format in its text") != std::string::npos);
  }
}
