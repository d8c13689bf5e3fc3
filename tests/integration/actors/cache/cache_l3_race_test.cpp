// Two nodes that write the same keys at the same time.
#include "integration/actors/cache/l3_fixture.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <random>

using namespace dbs;
using namespace dbs::cache;
using namespace dbs::tests;
using Catch::Matchers::ContainsSubstring;
using fixture = l3_fixture;

namespace {

constexpr size_t batch_size = 12;
constexpr size_t key_count = 16;

struct attempt {
  std::string key;
  stored_value what;
  std::shared_ptr<std::promise<written>> promise = std::make_shared<std::promise<written>>();
  std::future<written> outcome = promise->get_future();
};

/// Writes a batch in one turn of the loop, and waits for the outcomes.
void write_batch(l3_node& node, std::vector<attempt>& batch) {
  std::promise<void> asked;
  node.loop.io().post([&] {
    for (auto& x : batch)
      node.link->get()->write(x.key, x.what, node.deadline(), node.sink,
                              node.sink.open<level_write>(x.promise));
    asked.set_value();
  });
  asked.get_future().wait();
  for (auto& x : batch)
    x.outcome.wait();
}

/// Batches with versions that go up and down around `next`, for keys that are new every few
/// rounds.
std::vector<attempt> write_at_random(l3_node& node, unsigned seed, std::atomic<uint64_t>& next) {
  std::mt19937 random{seed};
  std::vector<attempt> all;
  for (int round = 0; round < 300; ++round) {
    std::vector<attempt> batch(batch_size);
    for (auto& x : batch) {
      auto number = next++;
      auto vers = version{1, (number + random() % (8 * batch_size)) << 16 | number % 65'536};
      x.key = "k" + std::to_string(round / 10) + ":" + std::to_string(random() % key_count);
      x.what = random() % 4 == 0 ? a_tombstone(vers) : a_value("x", vers);
    }
    write_batch(node, batch);
    std::move(batch.begin(), batch.end(), std::back_inserter(all));
  }
  return all;
}

} // namespace

TEST_CASE_METHOD(fixture, "nodes that write the same keys agree on the highest version, and each "
                          "outcome is true") {
  auto first = make_node();
  auto second = make_node();
  REQUIRE(first->start());
  REQUIRE(second->start());
  // The server itself refuses to go back, and keeps what each write has found.
  server.psql(
      "create table history (sequence bigint primary key, had_value boolean);"
      "create function watch() returns trigger language plpgsql as $$ begin "
      "  if tg_op = 'UPDATE' and (new.epoch, new.sequence) <= (old.epoch, old.sequence) then"
      "    raise exception 'older'; end if; "
      "  insert into history values (new.sequence, tg_op = 'UPDATE' and old.kind = 0); "
      "  return null; end $$;"
      "create trigger watch after insert or update on dbs_cache for each row "
      "  execute function watch()");
  std::atomic<uint64_t> next{1};
  auto other = std::async(std::launch::async, [&] { return write_at_random(*second, 2, next); });
  auto all = write_at_random(*first, 1, next);
  auto theirs = other.get();
  std::move(theirs.begin(), theirs.end(), std::back_inserter(all));
  std::map<std::string, version> highest;
  std::string outcomes;
  size_t wrong = 0;
  for (auto& x : all) {
    auto what = x.outcome.get();
    INFO(x.key << " " << (what ? "" : describe(what.error())));
    REQUIRE(what);
    highest[x.key] = std::max(highest[x.key], x.what.vers);
    // What was done is there with its version; otherwise what is there is newer.
    wrong += (what->done ? what->vers == x.what.vers : what->vers > x.what.vers) ? 0 : 1;
    if (what->done)
      outcomes += (outcomes.empty() ? "(" : ",(") + std::to_string(x.what.vers.sequence) +
                  (what->had_value ? ",true)" : ",false)");
  }
  CHECK(wrong == 0);
  CHECK(server.psql("select count(*) from history full join (values " + outcomes +
                    ") as told(sequence, had_value) using (sequence, had_value) "
                    "where history is null or told is null") == "0");
  for (auto& [key, vers] : highest) {
    INFO(key);
    auto found = first->read(key);
    REQUIRE(found);
    REQUIRE(*found);
    CHECK((*found)->vers == vers);
  }
  CHECK_THAT(server.log_text(), !ContainsSubstring("deadlock"));
}

TEST_CASE_METHOD(fixture,
                 "nodes that write hundreds of the same keys at once do not lock each other out") {
  auto first = make_node();
  auto second = make_node();
  REQUIRE(first->start());
  REQUIRE(second->start());
  auto run = [](l3_node& node, uint64_t parity) {
    std::mt19937 random{static_cast<unsigned>(parity)};
    for (uint64_t round = 1; round <= 40; ++round) {
      std::vector<attempt> batch(400);
      for (size_t i = 0; i < batch.size(); ++i) {
        batch[i].key = std::to_string(i);
        batch[i].what = a_value("x", {1, 2 * round + parity});
      }
      std::shuffle(batch.begin(), batch.end(), random);
      write_batch(node, batch);
    }
  };
  auto other = std::async(std::launch::async, [&] { run(*second, 1); });
  run(*first, 0);
  other.get();
  CHECK_THAT(server.log_text(), !ContainsSubstring("deadlock"));
  CHECK(server.psql("select count(*), min(sequence) from dbs_cache") == "400|81");
}

TEST_CASE_METHOD(fixture, "of many that fill the same key at once, one is stored") {
  auto first = make_node();
  auto second = make_node();
  REQUIRE(first->start());
  REQUIRE(second->start());
  std::vector<std::string> keys;
  for (int i = 0; i < 200; ++i)
    keys.push_back("f" + std::to_string(i));
  auto run = [&](l3_node& node, uint64_t sequence) {
    std::vector<std::future<written>> outcomes;
    for (auto& key : keys) {
      auto what = std::make_shared<stored_value>(a_value("x", {1, sequence}));
      outcomes.push_back(node.begin<level_write>([&node, &key, what](auto& x, auto token) {
        x.fill(key, *what, {}, node.deadline(), node.sink, token);
      }));
    }
    std::vector<bool> result;
    for (auto& x : outcomes)
      result.push_back(x.get()->done);
    return result;
  };
  auto other = std::async(std::launch::async, [&] { return run(*second, 2); });
  auto mine = run(*first, 1);
  auto theirs = other.get();
  for (size_t i = 0; i < keys.size(); ++i)
    CHECK(mine[i] != theirs[i]);
}
