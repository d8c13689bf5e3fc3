// GETs through the services against raw hiredis and against ioredis.
#include "figures/all.hpp"
#include "figures/running_services.hpp"
#include "figures/servers.hpp"
#include "harness/closed_loop.hpp"
#include "peers/hiredis.hpp"
#include "peers/kv.hpp"
#include "peers/programs.hpp"

#include "dbs/messages/error_detail.hpp"

#include <charconv>
#include <random>

namespace dbs::bench {

namespace {

constexpr int callers = 64;

/// One GET of a random key; see `caller`.
struct get_by_key {
  redis_client redis;
  std::minstd_rand keys;

  template <class Turn>
  void operator()(caf::event_based_actor* self, Turn turn) {
    char key[16] = "kv:";
    auto* end = std::to_chars(key + 3, key + sizeof(key), 1 + keys() % kv_rows).ptr;
    redis.command(self, "GET", std::string_view{key, end})
        .then(
            [turn](const redis_reply& value) {
              if (value.text().size() == 100)
                turn.done();
              else
                turn.failed("a key has no value");
            },
            [turn](const caf::error& reason) { turn.failed(describe(reason)); });
  }
};

/// A server with the keys, and services before it.
class redis_scene {
public:
  redis_scene() { fill_redis(host(), port()); }

  load_summary get(int how_many) {
    return closed_loop(services_.system(), how_many, window{}, [this](int number) {
      return get_by_key{services_.redis(), std::minstd_rand{static_cast<uint32_t>(number + 1)}};
    });
  }

  std::string host() const { return servers_.redis().host(); }
  uint16_t port() const { return servers_.redis().port(); }

private:
  servers servers_;
  running_services services_{servers_.settings()};
};

class against_async : public duel {
protected:
  double ours() override { return scene_.get(callers).per_second; }
  double peer() override { return peer_.run(window{}).per_second; }

private:
  redis_scene scene_;
  hiredis_async peer_{scene_.host(), scene_.port(), callers};
};

class against_ioredis : public duel {
protected:
  double ours() override { return scene_.get(callers).per_second; }
  double peer() override { return ioredis(scene_.host(), scene_.port(), callers, window{}); }

private:
  redis_scene scene_;
};

class single_caller : public duel {
protected:
  double ours() override { return scene_.get(1).p50_us; }
  double peer() override { return peer_.run(window{}).p50_us; }

private:
  redis_scene scene_;
  hiredis_sync peer_{scene_.host(), scene_.port()};
};

} // namespace

std::vector<figure> redis_figures() {
  return {
      {"redis_get_64_callers_vs_hiredis", "op/s", placement::one_core,
       "raw asynchronous hiredis, 64 outstanding", ">= 0.85", make<against_async>()},
      {"redis_get_64_callers_vs_ioredis", "op/s", placement::one_core,
       "ioredis, automatic pipelining", ">= 2.5", make<against_ioredis>()},
      {"redis_get_1_caller", "us p50", placement::one_core, "raw synchronous hiredis", "<= 2.3",
       make<single_caller>()},
  };
}

} // namespace dbs::bench
