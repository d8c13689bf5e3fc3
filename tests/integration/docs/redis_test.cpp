// The code in docs/redis.md, run against a real server.
#include "integration/actors/redis/redis_fixture.hpp"

#include <caf/event_based_actor.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

namespace {

/// Has no members by the names that the examples use.
class fixture {
public:
  fixture() { REQUIRE(scene_.start()); }

  dbs::redis_client client() const { return dbs::redis_client{scene_.redis}; }

  /// Runs `body(self)` in an actor and waits for the actor's end.
  template <class Body>
  void in_an_actor(Body body) {
    auto actor = scene_.system.spawn([&body](caf::event_based_actor* self) { body(self); });
    scene_.self->wait_for(actor);
  }

private:
  dbs::tests::redis_fixture scene_;
};

void on_error(const caf::error& why) {
  FAIL_CHECK(dbs::describe(why));
}

} // namespace

TEST_CASE_METHOD(fixture, "docs/redis.md: commands") {
  auto redis = client();
  auto stored = false;
  std::string name = "Ada";
  in_an_actor([&](caf::event_based_actor* self) {
    redis.command(self, "SET", "user:1", name, "EX", 60)
        .then([&](const dbs::redis_reply& reply) { stored = reply.text() == "OK"; }, on_error);
  });
  CHECK(stored);
  std::vector<std::string> keys{"user:1", "user:2"};
  std::vector<std::string> found;
  in_an_actor([&](caf::event_based_actor* self) {
    dbs::redis_command many{"MGET"};
    for (auto& key : keys)
      many.add(key);
    redis.run(self, std::move(many))
        .then(
            [&](const dbs::redis_reply& values) {
              for (auto value : values)
                found.push_back(value.get<std::optional<std::string>>()->value_or("nothing"));
            },
            on_error);
  });
  CHECK(found == std::vector<std::string>{"Ada", "nothing"});
}

TEST_CASE_METHOD(fixture, "docs/redis.md: a batch") {
  auto redis = client();
  int64_t visits = 0;
  in_an_actor([&](caf::event_based_actor* self) {
    redis
        .pipeline(self, {dbs::make_redis_command("INCR", "visits"),
                         dbs::make_redis_command("EXPIRE", "visits", 3600)})
        .then(
            [&](const std::vector<dbs::redis_reply>& replies) {
              visits = *replies[0].get<int64_t>();
            },
            on_error);
  });
  CHECK(visits == 1);
}

TEST_CASE_METHOD(fixture, "docs/redis.md: scripts") {
  auto redis = client();
  in_an_actor([&](caf::event_based_actor* self) {
    redis.command(self, "SET", "owner", "me").then([](const dbs::redis_reply&) {}, on_error);
  });
  auto deleted = false;
  in_an_actor([&](caf::event_based_actor* self) {
    const dbs::redis_script delete_if_equal{
        "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) "
        "else return 0 end"};
    redis.script(self, delete_if_equal, {"owner"}, "me")
        .then([&](const dbs::redis_reply& reply) { deleted = *reply.get<bool>(); }, on_error);
  });
  CHECK(deleted);
}
