// Nothing older than an acknowledged invalidation is ever read in its process, whatever races.
//
// The source of each key is a number that only grows. Writers raise it and then tell the cache;
// what they have been answered is what readers must at least see. CACHE_OPERATIONS sets how many
// operations there are.
#include "integration/actors/cache/cache_fixture.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <catch2/generators/catch_generators.hpp>

#include <array>
#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
#include <random>
#include <thread>

using namespace dbs;
using namespace dbs::tests;

namespace {

constexpr size_t key_count = 40;

uint64_t operations() {
  auto* text = std::getenv("CACHE_OPERATIONS");
  return text != nullptr ? std::stoull(text) : 100'000;
}

struct source {
  std::atomic<uint64_t> value{1};
  /// Older ones must not be read any more.
  std::atomic<uint64_t> acknowledged{0};
  /// How, for the message of a failure.
  std::atomic<const char*> last_write{""};
};

struct world {
  std::array<source, key_count> sources;
  std::atomic<uint64_t> left{operations()};
  std::atomic<uint64_t> reads{0};
  std::atomic<uint64_t> found{0};
  std::atomic<uint64_t> stale{0};
  std::atomic<uint64_t> writes{0};
  std::atomic<uint64_t> failed{0};
  std::atomic<uint64_t> loads{0};
  std::mutex mutex;
  std::string first_stale;
  std::string all_stale;
  std::map<std::string, int> failures;

  /// False when there is nothing left to do.
  bool take() {
    auto x = left.load();
    while (x > 0)
      if (left.compare_exchange_weak(x, x - 1))
        return true;
    return false;
  }

  /// Until others have begun so many more operations, or all wait for who calls this.
  void wait_for_others(uint64_t operations) const {
    auto now = left.load();
    auto goal = now - std::min(operations, now);
    eventually([&] { return left <= goal; }, 2ms, 0ms);
  }

  uint64_t least(size_t key) const { return sources[key].acknowledged; }

  void see(size_t key, uint64_t least, std::string_view value, cache_source from) {
    ++found;
    if (std::stoull(std::string{value}) < least) {
      ++stale;
      std::lock_guard guard{mutex};
      first_stale = "key " + std::to_string(key) + ": " + std::string{value} + ", but " +
                    std::to_string(least) + " was acknowledged; last write " +
                    sources[key].last_write.load() + ", read from " + to_string(from);
      all_stale += first_stale + "\n";
    }
  }

  void acknowledge(size_t key, uint64_t value) {
    auto& x = sources[key].acknowledged;
    auto old = x.load();
    while (old < value && !x.compare_exchange_weak(old, value)) {
    }
  }
};

std::string name_of(size_t key) {
  return "race:" + std::to_string(key);
}

std::string parity_of(size_t key) {
  return key % 2 == 0 ? "even" : "odd";
}

cache::load_function loader_of(world& w) {
  return [&w](const std::string& key) -> caf::expected<cache_loaded> {
    thread_local std::minstd_rand random{std::random_device{}()};
    ++w.loads;
    auto number = std::stoul(key.substr(key.find(':') + 1));
    if (random() % 50 == 0)
      return fail(errc::query_failed, "as it happens");
    cache_loaded result;
    result.found = random() % 20 != 0;
    if (result.found)
      result.value = blob{std::to_string(w.sources[number].value.load())};
    // The read is over, and what it has seen grows old.
    if (random() % 4 == 0)
      w.wait_for_others(random() % 100);
    if (random() % 3 == 0)
      result.ttl = std::chrono::milliseconds{1 + random() % 5};
    result.tags = {"all", parity_of(number)};
    return result;
  };
}

/// Raises its keys, each of which is only its own, and tells the cache in all ways there are.
void write(world& w, blocking_cache cache, size_t writer, size_t writers) {
  std::minstd_rand random{static_cast<uint32_t>(writer + 1)};
  while (w.take()) {
    auto key = random() % (key_count / writers) * writers + writer;
    auto value = ++w.sources[key].value;
    caf::error failed;
    switch (auto die = random() % 20; die) {
    case 0:
      w.sources[key].last_write = "prefix";
      failed = cache.invalidate_prefix(name_of(key));
      break;
    case 1:
      w.sources[key].last_write = "tag";
      failed = cache.invalidate_tag(parity_of(key));
      break;
    default: {
      auto reach = die % 2 == 0 ? cache_reach::l1 : cache_reach::l2;
      w.sources[key].last_write =
          die < 12 ? (die % 2 ? "erase l2" : "erase l1") : (die % 2 ? "put l2" : "put l1");
      if (die < 12) {
        auto erased = cache.erase(name_of(key), reach);
        failed = erased ? caf::error{} : erased.error();
      } else {
        cache_put what{name_of(key), blob{std::to_string(value)}};
        what.reach = reach;
        what.tags = {"all", parity_of(key)};
        failed = cache.set(what);
      }
    }
    }
    ++w.writes;
    if (failed) {
      ++w.failed;
      std::lock_guard guard{w.mutex};
      ++w.failures[describe(failed)];
    } else {
      w.acknowledge(key, value);
    }
  }
}

void read(world& w, blocking_cache cache, cache_client client, uint32_t seed) {
  std::minstd_rand random{seed};
  std::string value;
  while (w.take()) {
    auto key = random() % key_count;
    auto least = w.least(key);
    ++w.reads;
    if (random() % 3 == 0) {
      if (client.find(name_of(key), value))
        w.see(key, least, value, cache_source::l1);
      continue;
    }
    auto what = random() % 4 == 0 ? cache.get(name_of(key)) : cache.get_or_load(name_of(key));
    if (what && what->found)
      w.see(key, least, what->value.view(), what->source);
  }
}

/// The same as an actor.
struct reading_actor {
  reading_actor(caf::event_based_actor* ptr, world* all, cache_client client, uint32_t seed)
      : self(ptr), w(all), cache(std::move(client)), random(seed) {}

  caf::behavior make_behavior() {
    next();
    return {[this](caf::ok_atom) { next(); }};
  }

  void next() {
    // What memory has is answered at once: not one call in another for ever.
    for (auto i = 0; i < 100; ++i) {
      if (!w->take())
        return self->quit();
      ++w->reads;
      if (!ask())
        return;
    }
    self->send(self, caf::ok_atom_v);
  }

  bool ask() {
    auto key = random() % key_count;
    auto least = w->least(key);
    waiting = true;
    inside = true;
    cache.get_or_load(self, name_of(key))
        .then(
            [this, key, least](const cache_value& what) {
              if (what.found)
                w->see(key, least, what.value.view(), what.source);
              done();
            },
            [this](const caf::error&) { done(); });
    inside = false;
    return !waiting;
  }

  void done() {
    waiting = false;
    if (!inside)
      next();
  }

  caf::event_based_actor* self;
  world* w;
  cache_client cache;
  std::minstd_rand random;
  bool waiting = false;
  bool inside = false;
};

} // namespace

TEST_CASE("nothing older than an acknowledged write is read, whatever races") {
  cache_fixture f{{{"cache.l1_size", "64"}, {"cache.l1_ttl", "20ms"}}};
  world w;
  cache::namespace_options options;
  options.loader = loader_of(w);
  options.in_l3 = GENERATE(false, true);
  options.negative_ttl = 5ms;
  auto client = f.node.services->cache();
  REQUIRE(!client.register_loader("race", options));
  constexpr size_t writers = 2;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < writers; ++i)
    threads.emplace_back([&, i] { write(w, f.node.cache(30s), i, writers); });
  for (uint32_t i = 0; i < 3; ++i)
    threads.emplace_back([&, i] { read(w, f.node.cache(30s), client, i + 10); });
  caf::scoped_actor self{f.node.system};
  std::vector<caf::actor> actors;
  for (uint32_t i = 0; i < 4; ++i)
    actors.push_back(
        f.node.system.spawn<caf::stateful_actor<reading_actor>>(&w, client.within(30s), i + 20));
  for (auto& x : threads)
    x.join();
  self->wait_for(actors);
  INFO(w.all_stale);
  CHECK(w.stale == 0);
  for (auto& [what, count] : w.failures)
    UNSCOPED_INFO(count << " of " << what);
  CHECK(w.failed == 0);
  CHECK(w.found > w.reads / 10);
  CHECK(w.writes > 100);
  CHECK(w.loads > 100);
  CHECK(eventually([&] { return f.node.is_settled(); }));
}
