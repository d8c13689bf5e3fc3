// Managers that die all the time under load, on real threads.
#include "dbs/runtime/caf/front.hpp"
#include "dbs/runtime/caf/program_config.hpp"

#include "actor/runtime/caf/probe_actor.hpp"
#include "loop_entry.hpp"

#include "dbs/testing/eventually.hpp"
#include "dbs/testing/fixture/answer_counter.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

using namespace dbs;
using namespace dbs::tests;
using namespace std::chrono_literals;

namespace {

using clock_type = std::chrono::steady_clock;

constexpr int kills = 1'000;
constexpr int requesters = 4;

/// Keeps a probe behind a front, as the supervisor does, and measures how long its
/// calls to the front take while everybody sends through it.
class restarter {
public:
  restarter(caf::actor_system& system, event_loop::drive how)
      : loop_(system, "probe", how), front_(front::make(system, "probe")),
        thread_([this] { run(); }) {}

  /// Kills the current incarnation and waits for the next. False if none came.
  bool kill(int how) {
    std::unique_lock guard{mutex_};
    auto number = incarnation_;
    auto victim = child_;
    guard.unlock();
    switch (how % 3) {
    case 0:
      caf::anon_send_exit(victim, caf::exit_reason::kill);
      break;
    case 1:
      anon_mail(caf::delete_atom_v, call_context{}).send(victim);
      break;
    default:
      loop_.io().post([entry = loop_entry{&actor_of<probe_state>(victim)}] {
        entry([] { throw std::runtime_error("lost"); });
      });
    }
    guard.lock();
    return changed_.wait_for(guard, 30s, [&] { return incarnation_ > number; });
  }

  /// The last incarnation dies and nobody comes after it.
  void stop() {
    std::unique_lock guard{mutex_};
    stopping_ = true;
    auto last = child_;
    guard.unlock();
    caf::anon_send_exit(last, caf::exit_reason::user_shutdown);
    thread_.join();
    front::of(front_).close();
    loop_.stop();
  }

  probe_actor service() const { return caf::actor_cast<probe_actor>(front_); }

  clock_type::duration slowest_change() const { return slowest_; }

private:
  void run() {
    std::unique_lock guard{mutex_};
    for (;;) {
      // Whoever sends may run the child, and with it what is attached to its death.
      guard.unlock();
      auto next = spawn_on<probe_state>(loop_);
      caf::actor_cast<caf::abstract_actor*>(next)->attach_functor([this](const caf::error&) {
        std::unique_lock inner{mutex_};
        dead_ = true;
        changed_.notify_all();
      });
      timed([&] { front::of(front_).up(caf::actor_cast<caf::strong_actor_ptr>(next)); });
      guard.lock();
      child_ = std::move(next);
      ++incarnation_;
      changed_.notify_all();
      changed_.wait(guard, [this] { return dead_; });
      dead_ = false;
      timed([this] { front::of(front_).down(); });
      if (stopping_)
        return;
    }
  }

  template <class F>
  void timed(F fn) {
    auto begin = clock_type::now();
    fn();
    slowest_ = std::max(slowest_, clock_type::now() - begin);
  }

  event_loop loop_;
  caf::strong_actor_ptr front_;
  std::mutex mutex_;
  std::condition_variable changed_;
  probe_actor child_; // guarded by mutex_, as are those below
  int incarnation_ = 0;
  bool dead_ = false;
  bool stopping_ = false;
  clock_type::duration slowest_{0};
  std::thread thread_;
};

struct tally {
  uint64_t served = 0;
  uint64_t restarted = 0;
  uint64_t refused = 0;
  uint64_t wrong = 0;

  void add(const testing::pending_answer<int32_t>& answer) {
    auto value = answer.get();
    if (value)
      ++served;
    else if (code_of(value) == errc::restarted)
      ++restarted;
    else if (code_of(value) == errc::draining || code_of(value) == errc::overloaded)
      ++refused;
    else
      ++wrong;
  }
};

/// Sends rounds of requests until it is told to stop. Those whose promise stays open
/// are answered by a death; the others are waited for.
void ask(testing::answer_counter& asker, const probe_actor& service, const std::atomic<bool>& stop,
         tally& result) {
  std::vector<testing::pending_answer<int32_t>> open;
  while (!stop) {
    std::vector<testing::pending_answer<int32_t>> round;
    for (int32_t i = 0; i < 32; ++i)
      round.push_back(asker.request<int32_t>(service, caf::get_atom_v, call_context{}, i));
    open.push_back(asker.request<int32_t>(service, caf::put_atom_v, call_context{}, 1));
    for (auto& x : round) {
      auto deadline = clock_type::now() + 30s;
      while (!x.answered() && clock_type::now() < deadline)
        std::this_thread::yield();
      result.add(x);
    }
    std::erase_if(open, [&](const testing::pending_answer<int32_t>& x) {
      if (!x.answered())
        return false;
      result.add(x);
      return true;
    });
  }
}

} // namespace

TEST_CASE("every request is answered exactly once while managers die a thousand times") {
  auto how = GENERATE(event_loop::drive::thread, event_loop::drive::lent);
  program_config config;
  config.set("caf.scheduler.max-threads", 4);
  caf::actor_system system{config};
  restarter manager{system, how};
  // given callers that never pause
  std::atomic<bool> stop = false;
  std::vector<std::unique_ptr<testing::answer_counter>> askers;
  std::vector<tally> tallies(requesters);
  std::vector<std::thread> threads;
  for (auto& result : tallies) {
    askers.push_back(std::make_unique<testing::answer_counter>(system));
    threads.emplace_back(
        [&, asker = askers.back().get()] { ask(*asker, manager.service(), stop, result); });
  }
  // when the manager dies again and again
  auto lasting = 0;
  while (lasting < kills && manager.kill(lasting))
    ++lasting;
  stop = true;
  for (auto& thread : threads)
    thread.join();
  manager.stop();
  // then nobody waits, nobody got two answers, and there was something to it
  CHECK(lasting == kills);
  uint64_t served = 0;
  uint64_t restarted = 0;
  for (auto& x : tallies) {
    served += x.served;
    restarted += x.restarted;
    CHECK(x.wrong == 0);
  }
  CHECK(served > 0);
  CHECK(restarted >= kills / 10);
  for (auto& asker : askers) {
    CHECK(testing::eventually([&] { return asker->unanswered().empty(); }));
    CHECK(asker->surplus() == 0);
  }
  // and the one who changes what stands behind the front is never kept out for long
  INFO(std::chrono::duration_cast<std::chrono::microseconds>(manager.slowest_change()).count()
       << " us");
  CHECK(manager.slowest_change() < 1s);
}
