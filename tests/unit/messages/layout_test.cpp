// The ids and the bytes of every message type, pinned: nodes of different versions
// talk to each other, so both may grow at the end but never change.
//
// A type that is new in type_ids.hpp needs a row at the end of the table here: run
// the test, check the bytes it prints, and paste them.
#include "dbs/messages/all.hpp"
#include "dbs/messages/init.hpp"
#include "dbs/messages/type_ids.hpp"

#include "unit/messages/serialize.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <limits>
#include <string>
#include <vector>

using namespace dbs;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

struct pinned {
  caf::type_id_t actual_id;
  std::string name;
  std::string actual;
  std::string again;
  std::string expected;
};

template <class T>
pinned pin(const T& value, std::string expected) {
  auto bytes = test::serialize(value);
  auto copy = test::deserialize<T>(bytes);
  return {caf::type_id_v<T>, to_string(caf::type_name_v<T>), test::hex(bytes),
          copy ? test::hex(test::serialize(*copy)) : describe(copy.error()), std::move(expected)};
}

error_detail sample_detail() {
  return {"no connection", 1500ms, "53300", {{"waiting", int64_t{7}}}};
}

call_context sample_context() {
  call_context x;
  x.caller = caller_class::batch;
  x.principal = "ada";
  x.trace_id_high = 1;
  x.trace_id_low = 2;
  return x;
}

health_report sample_health() {
  return {"cache", health_status::degraded, "slow", {{"hit_ratio", 0.5}}};
}

child_info sample_child() {
  return {"redis", child_state::backoff, 3, 2, 1s, {"lock"}, "refused", {7, 6, 5, 4}};
}

pg_result sample_result() {
  auto describe_column = [](size_t i) {
    return i == 0 ? pg_column{"id", 23, 0} : pg_column{"name", 25, 0};
  };
  auto cell = [](size_t row, size_t i) -> std::optional<std::string_view> {
    if (i == 0)
      return row == 0 ? "1" : "2";
    if (row == 0)
      return "Ada";
    return std::nullopt;
  };
  return *pg_result::build(2, 2, describe_column, cell, "SELECT 2", 2);
}

pg_statement sample_statement() {
  return {"select $1, $2", make_params(42, nullptr), true, true};
}

latency_summary sample_latency() {
  return {9, 1us, 2us, 3us, 4us, 5us};
}

pool_stats sample_stats() {
  pool_stats x;
  x.pool_size = 20;
  x.max_overflow = 1;
  x.active_connections = 2;
  x.idle = 3;
  x.connecting = 4;
  x.quarantined = 5;
  x.overflow = 6;
  x.utilization = 0.25;
  x.waiting = 7;
  x.max_waiting = 8;
  x.leases = 9;
  x.leaks = 10;
  x.acquire = sample_latency();
  x.counters = {{"statements", int64_t{17}}};
  x.last_connect_error = "refused";
  x.shared_connections = 11;
  x.shared_statements = 12;
  return x;
}

pg_holder sample_holder() {
  return {pg_lease{5}, 77, "importer", 3s, true, false, "select 1"};
}

cache_stats sample_cache_stats() {
  cache_stats result;
  result.l1.hits = 7;
  result.entries = 8;
  result.overloaded = 9;
  result.warming_accuracy = 0.5;
  return result;
}

std::vector<pinned> table() {
  return {
      // -- shared by all services
      pin(errc::pool_exhausted, "07"),
      pin(sample_detail(),
          "0d6e6f20636f6e6e656374696f6e010000000059682f00053533333030010777616974696e67"
          "010000000000000007"),
      pin(field{"ok", true}, "026f6b0001"),
      pin(std::vector<field>{{"n", int64_t{-1}}, {"s", "text"s}},
          "02016e01ffffffffffffffff0173030474657874"),
      pin(sample_context(), "00010361646100000000000000010000000000000002"),
      pin(caller_class::admin, "02"),
      pin(blob{"bytes"}, "056279746573"),
      // -- managers and their supervisor
      pin(health_status::unhealthy, "02"),
      pin(sample_health(), "0563616368650104736c6f7701096869745f726174696f023fe0000000000000"),
      pin(std::vector{sample_health()},
          "010563616368650104736c6f7701096869745f726174696f023fe0000000000000"),
      pin(stats_report{"cache", {{"hits", int64_t{1}}}},
          "056361636865010468697473010000000000000001"),
      pin(resize_request{"pool_size", 20}, "09706f6f6c5f73697a650000000000000014"),
      pin(child_state::backoff, "04"),
      pin(sample_child(),
          "0572656469730400000000000000030000000000000002000000003b9aca0001046c6f636b07"
          "72656675736564"
          "0000000000000007000000000000000600000000000000050000000000000004"),
      pin(std::vector{sample_child()},
          "010572656469730400000000000000030000000000000002000000003b9aca0001046c6f636b"
          "0772656675736564"
          "0000000000000007000000000000000600000000000000050000000000000004"),
      pin(start_atom_v, ""),
      pin(ready_atom_v, ""),
      pin(drain_atom_v, ""),
      pin(health_atom_v, ""),
      pin(stats_atom_v, ""),
      pin(resize_atom_v, ""),
      pin(tree_atom_v, ""),
      pin(shutdown_atom_v, ""),
      // -- the PostgreSQL pool
      pin(make_params("a", nullptr, 42), "0561003432000300000000ffffffff0000000200"),
      pin(sample_result(),
          "5b444252015b000000020000000200000002000000000000000800000000000000170000000a"
          "00000000000000190000000e000000000000000f00000012000000130000001300008053454c"
          "454354203269646e616d653141646132"),
      pin(sample_statement(), "0d73656c6563742024312c202432033432000200000000ffffffff00010100"),
      pin(pg_checkout{true}, "01"),
      pin(pg_lease{5}, "0000000000000005"),
      pin(pg_lease_statement{pg_lease{5}, sample_statement()},
          "00000000000000050d73656c6563742024312c202432033432000200000000ffffffff00010100"),
      pin(pg_transaction{pg_lease{5}, pg_isolation::serializable, true, true},
          "0000000000000005030101"),
      pin(pg_isolation::repeatable_read, "02"),
      pin(pg_savepoint{pg_lease{5}, pg_savepoint_action::rollback_to, "a"},
          "0000000000000005010161"),
      pin(pg_savepoint_action::release, "02"),
      pin(sample_holder(),
          "0000000000000005000000000000004d08696d706f7274657200000000b2d05e000100087365"
          "6c6563742031"),
      pin(std::vector{sample_holder()},
          "010000000000000005000000000000004d08696d706f7274657200000000b2d05e0001000873"
          "656c6563742031"),
      pin(sample_stats(),
          "000000140000000100000002000000030000000400000005000000063fd00000000000000000"
          "000700000008000000090000000a000000000000000900000000000003e800000000000007d0"
          "0000000000000bb80000000000000fa000000000000013880000000000000000000000000000"
          "0000000000000000000000000000000000000000000000000000000000000000000000000000"
          "0000000000000000000000000000000000000000000000000000000000000000000000000000"
          "000000000000010a73746174656d656e747301000000000000001107726566757365640000000b0000000c"),
      pin(sample_latency(),
          "000000000000000900000000000003e800000000000007d00000000000000bb8000000000000"
          "0fa00000000000001388"),
      pin(execute_atom_v, ""),
      pin(checkout_atom_v, ""),
      pin(release_atom_v, ""),
      pin(begin_atom_v, ""),
      pin(commit_atom_v, ""),
      pin(rollback_atom_v, ""),
      pin(savepoint_atom_v, ""),
      pin(holders_atom_v, ""),
      pin(services_health{health_status::degraded, true, {}, caf::timespan{1000}},
          "01010000000000000003e8"),
      pin(report_atom_v, ""),
      pin(ping_atom_v, ""),
      pin(refresh_atom_v, ""),
      pin(restart_atom_v, ""),
      pin(pg_batch{{7}, {make_statement("select $1", 1)}},
          "0000000000000007010973656c656374202431023100010000000000010000"),
      pin(std::vector<pg_result>{pg_result{}}, "0100"),
      pin(pg_transfer{{7}, pg_transfer_action::write, make_statement("x"), {2, 3}, blob{"ab"}},
          "00000000000000070401780000000100000000000200000003026162"),
      pin(pg_transfer_action::finish, "05"),
      pin(pg_chunk{{}, blob{"ab"}, true}, "0002616201"),
      pin(transfer_atom_v, ""),
      pin(pg_event{pg_event_kind::gap, "news", blob{"ab"}, 7}, "01046e65777302616200000007"),
      pin(pg_event_kind::gap, "01"),
      pin(listen_atom_v, ""),
      pin(unlisten_atom_v, ""),
      pin(make_redis_command("EVALSHA", "k").with_source(blob{"s"}),
          "000000021424370d0a4556414c5348410d0a24310d0a6b0d0a0173"),
      pin(redis_batch{{make_redis_command("PING")}}, "01000000010a24340d0a50494e470d0a00"),
      pin(redis_reply::failure(errc::in_doubt, "ab"), "080709020000006162"),
      pin(std::vector<redis_reply>{redis_reply{}}, "0100"),
      pin(command_atom_v, ""),
      pin(cache_source::loader, "04"),
      pin(cache_reach::l3, "02"),
      pin(cache_scope::tag, "01"),
      pin(cache_value{true, blob{"ab"}, cache_source::l2, true}, "010261620201"),
      pin(std::vector<cache_value>{cache_value{}}, "0100000000"),
      pin(cache_get{"k", true, true, true}, "016b010101"),
      pin(cache_get_many{{"k"}, true, true}, "01016b0101"),
      pin(cache_put{"k", blob{"ab"}, caf::timespan{1000}, {"t"}, cache_reach::l3, true},
          "016b0261620100000000000003e80101740201"),
      pin(cache_put_many{{{"k", {}, {}, {}, cache_reach::l1, false}}}, "01016b0000000000"),
      pin(cache_erase{"k", cache_reach::l1}, "016b00"),
      pin(cache_invalidate{cache_scope::tag, "t"}, "010174"),
      pin(cache_level_stats{1, 2, 0.5, 3, {}},
          "000000000000000100000000000000023fe00000000000000000000000000003000000000000"
          "0000000000000000000000000000000000000000000000000000000000000000000000000000"
          "00000000"),
      pin(sample_cache_stats(),
          "0000000000000007000000000000000000000000000000000000000000000000000000000000"
          "0000000000000000000000000000000000000000000000000000000000000000000000000000"
          "0000000000000000000000000000000000000000000000000000000000000000000000000000"
          "0000000000000000000000000000000000000000000000000000000000000000000000000000"
          "0000000000000000000000000000000000000000000000000000000000000000000000000000"
          "0000000000000000000000000000000000000000000000000000000000000000000000000000"
          "0000000000000000000000000000000000000000080000000000000000000000000000000000"
          "0000000000000000000000000000000000000000000000000000000000000000000000000000"
          "0000000000000000000000000000000000000000000000000000000000000000000000000000"
          "0000000000000000000000000000000000000000000000000000000000000000000000000000"
          "0000000000000000000000000000000000000000000000000000000000000000000000000000"
          "0000000000000900000000000000000000000000000000013fe0000000000000"),
      pin(cache_tuning{2000, true}, "0100000000000007d001"),
      pin(cache_sizes{2000, 5, 5, 50, caf::timespan{1000}},
          "00000000000007d00000000500000005000000320100000000000003e8"),
      pin(cache_loaded{true, blob{"ab"}, caf::timespan{1000}, {"t"}},
          "010261620100000000000003e8010174"),
      pin(get_atom_v, ""),
      pin(put_atom_v, ""),
      pin(erase_atom_v, ""),
      pin(invalidate_atom_v, ""),
      pin(tune_atom_v, ""),
      pin(load_atom_v, ""),
      pin(cache_get_with{{"k", true}, {}}, "016b010000"),
  };
}

} // namespace

TEST_CASE("the id and the bytes of every message type stay what they were") {
  auto id = static_cast<caf::type_id_t>(1200);
  for (const auto& row : table()) {
    INFO(row.name);
    CHECK(row.actual_id == id++);
    CHECK(row.actual == row.expected);
  }
  // Every type of the block has its row.
  CHECK(id == caf::id_block::dbs::end);
}

TEST_CASE("every message type survives a round trip") {
  for (const auto& row : table()) {
    INFO(row.name);
    CHECK(row.again == row.actual);
  }
}

TEST_CASE("ids that the table of types pins by name") {
  CHECK(caf::type_id_v<errc> == 1200);
  CHECK(caf::type_id_v<blob> == 1206);
  CHECK(caf::type_id_v<start_atom> == 1215);
  CHECK(caf::type_id_v<pg_params> == 1223);
  CHECK(caf::type_id_v<pg_result> == 1224);
  CHECK(caf::type_id_v<holders_atom> == 1244);
}

TEST_CASE("init may be called again") {
  dbs::init();
  dbs::init();
  auto code = test::deserialize<errc>("\x07"s);
  REQUIRE(code);
  CHECK(*code == errc::pool_exhausted);
}

TEST_CASE("an enumerator of a newer version is refused, not misread") {
  CHECK_FALSE(test::deserialize<errc>("\xfa"s));
  CHECK_FALSE(test::deserialize<health_status>("\x03"s));
  CHECK_FALSE(test::deserialize<child_state>("\x07"s));
  CHECK_FALSE(test::deserialize<pg_isolation>("\x04"s));
  CHECK_FALSE(test::deserialize<pg_savepoint_action>("\x03"s));
  CHECK_FALSE(test::deserialize<caller_class>("\x03"s));
}
