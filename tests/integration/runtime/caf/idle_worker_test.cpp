// Who serves the sockets of a loop: needs real threads, so it is no test on virtual time.
#include "dbs/messages/manager/control.hpp"
#include "dbs/runtime/caf/event_loop.hpp"
#include "dbs/runtime/caf/loop_actor.hpp"
#include "dbs/runtime/caf/program_config.hpp"

#include "dbs/testing/eventually.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <fstream>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

using namespace dbs;
using namespace std::chrono_literals;
using testing::eventually;

namespace {

constexpr auto patience = 30s;

/// Runs `body` on the loop's own thread, in its turn, and waits for it.
template <class F>
void on_loop(event_loop& loop, F body) {
  std::promise<void> done;
  loop.io().post([&] {
    body();
    done.set_value();
  });
  done.get_future().wait();
}

/// Notes, for each byte that comes, the thread that serves it.
class noting_socket final : public socket_watcher {
public:
  explicit noting_socket(event_loop& loop) : loop_(loop) {
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends_.data()) == 0);
    on_loop(loop_, [this] {
      key_ = sockets().add(ends_[0], *this);
      sockets().await_readable(key_);
    });
  }

  ~noting_socket() {
    on_loop(loop_, [this] { sockets().remove(key_); });
    for (auto end : ends_)
      ::close(end);
  }

  noting_socket(const noting_socket&) = delete;
  noting_socket& operator=(const noting_socket&) = delete;

  /// The thread that serves a byte that is sent now.
  std::thread::id server() {
    std::promise<service> served;
    auto result = served.get_future();
    on_loop(loop_, [this, &served] { served_ = std::move(served); });
    REQUIRE(::write(ends_[1], "x", 1) == 1);
    REQUIRE(result.wait_for(patience) == std::future_status::ready);
    auto [thread, as_loop] = result.get();
    CHECK(as_loop);
    return thread;
  }

  /// Sends a byte, and has `then` called where it is served. The loop's thread is not called to
  /// do anything for that.
  void send(const std::function<void()>& then) {
    then_ = &then;
    REQUIRE(::write(ends_[1], "x", 1) == 1);
  }

  void on_readable() override {
    char ignored[16];
    while (::read(ends_[0], ignored, sizeof(ignored)) > 0) {
      // more
    }
    sockets().await_readable(key_);
    if (auto* told = then_.exchange(nullptr))
      (*told)();
    if (auto served = std::exchange(served_, std::nullopt))
      served->set_value({std::this_thread::get_id(), loop_.running_in_this_thread()});
  }

  void on_writable() override {}

private:
  struct service {
    std::thread::id thread;
    bool as_loop;
  };

  socket_set& sockets() { return loop_.io().sockets(); }

  event_loop& loop_;
  std::array<int, 2> ends_{-1, -1};
  socket_set::key key_ = 0;
  std::optional<std::promise<service>> served_;
  std::atomic<const std::function<void()>*> then_{nullptr};
};

/// Runs `body` on the only worker of `system` and returns its thread.
template <class F>
std::future<std::thread::id> on_worker(caf::actor_system& system, F body) {
  auto done = std::make_shared<std::promise<std::thread::id>>();
  system.spawn([done, body](caf::event_based_actor*) {
    body();
    done->set_value(std::this_thread::get_id());
  });
  return done->get_future();
}

/// Keeps the only worker of a system busy as long as it lives.
class busy_worker {
public:
  explicit busy_worker(caf::actor_system& system) {
    gone_ = on_worker(system, [this] {
      begun_.set_value();
      may_end_.get_future().wait();
    });
    begun_.get_future().wait();
  }

  ~busy_worker() {
    may_end_.set_value();
    gone_.wait();
  }

private:
  std::promise<void> begun_;
  std::promise<void> may_end_;
  std::future<std::thread::id> gone_;
};

/// How often a thread of this process has gone to sleep (proc(5)).
std::string switches_of(pid_t thread) {
  std::ifstream status{"/proc/self/task/" + std::to_string(thread) + "/status"};
  std::string line;
  while (std::getline(status, line))
    if (line.starts_with("voluntary_ctxt_switches"))
      return line;
  return {};
}

/// Waits until a loop's thread has nothing to look after any more. False if it goes on for long.
bool falls_silent(pid_t thread) {
  auto before = switches_of(thread);
  auto same = 0;
  return eventually([&] {
    auto now = switches_of(thread);
    same = std::exchange(before, now) == now ? same + 1 : 0;
    return same == 20;
  });
}

using noting_actor = caf::typed_actor<caf::result<void>(start_atom)>;

/// Notes the thread that does what it has deferred, when it was told to start.
struct deferring_state : deferred_work {
  using actor_type = noting_actor;
  static inline const char* name = "dbs.tests.deferring";

  deferring_state(loop_actor<actor_type>* ptr, std::promise<std::thread::id>* to, bool gather)
      : self(ptr), done(to), gathers(gather) {}

  ~deferring_state() { self->io().forget(*this); }

  actor_type::behavior_type make_behavior() {
    if (gathers)
      self->gather_requests();
    return {[this](start_atom) { self->io().defer(*this); }};
  }

  void run_deferred() override { done->set_value(std::this_thread::get_id()); }

  loop_actor<actor_type>* self;
  std::promise<std::thread::id>* done;
  bool gathers;
};

bool is_ready(const std::future<std::thread::id>& what) {
  return what.wait_for(0s) == std::future_status::ready;
}

/// While one lives, the threads that this one starts have one CPU.
class one_cpu {
public:
  one_cpu() {
    REQUIRE(sched_getaffinity(0, sizeof(before_), &before_) == 0);
    auto first = 0;
    while (!CPU_ISSET(first, &before_))
      ++first;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    REQUIRE(sched_setaffinity(0, sizeof(one), &one) == 0);
  }

  ~one_cpu() { sched_setaffinity(0, sizeof(before_), &before_); }

  one_cpu(const one_cpu&) = delete;
  one_cpu& operator=(const one_cpu&) = delete;

private:
  cpu_set_t before_;
};

struct scene {
  explicit scene(event_loop::drive drive = event_loop::drive::lent)
      : system(with_one_worker(config)), loop(system, "probe", drive) {
    worker = on_worker(system, [] {}).get();
    on_loop(loop, [this] {
      loops_tid = ::gettid();
      loops_own = std::this_thread::get_id();
    });
  }

  static program_config& with_one_worker(program_config& what) {
    what.set("caf.scheduler.max-threads", size_t{1});
    return what;
  }

  program_config config;
  caf::actor_system system;
  event_loop loop;
  std::thread::id worker;
  std::thread::id loops_own;
  pid_t loops_tid = 0;
};

} // namespace

TEST_CASE("an idle worker serves the sockets of a loop that lends its turn") {
  scene s;
  noting_socket socket{s.loop};
  // Once it waits there the loop's thread leaves the sockets to it.
  CHECK(eventually([&] { return socket.server() == s.worker; }));
  for (auto i = 0; i < 1000; ++i)
    CHECK(socket.server() == s.worker);
}

TEST_CASE("the loop's own thread serves them while the worker is busy, and leaves them again") {
  scene s;
  noting_socket socket{s.loop};
  for (auto round = 0; round < 20; ++round) {
    CHECK(eventually([&] { return socket.server() == s.worker; }));
    busy_worker busy{s.system};
    CHECK(socket.server() == s.loops_own);
  }
}

TEST_CASE("a loop whose thread sleeps is called when the worker leaves") {
  scene s;
  noting_socket socket{s.loop};
  CHECK(eventually([&] { return socket.server() == s.worker; }));
  // given that the loop's thread looks after it no more
  REQUIRE(falls_silent(s.loops_tid));
  busy_worker busy{s.system};
  CHECK(socket.server() == s.loops_own);
}

TEST_CASE("on one CPU nobody waits for a caller that computes, though they were woken together") {
  one_cpu only;
  program_config config;
  caf::actor_system system{config};
  event_loop loop{system, "probe", event_loop::drive::lent};
  noting_socket socket{loop};
  auto loops_own = std::thread::id{};
  pid_t loops_tid = 0;
  on_loop(loop, [&] {
    loops_own = std::this_thread::get_id();
    loops_tid = ::gettid();
  });
  auto by_worker = 0;
  auto took_over = true;
  for (auto round = 0; round < 1000 && by_worker < 40; ++round) {
    auto second_ran = std::make_shared<std::promise<void>>();
    auto first_ran = std::make_shared<std::promise<bool>>();
    auto first = system.spawn([=](caf::event_based_actor*) -> caf::behavior {
      return {[=](caf::ok_atom) {
        auto ran = second_ran->get_future().wait_for(patience) == std::future_status::ready;
        first_ran->set_value(ran);
      }};
    });
    auto second = system.spawn([=](caf::event_based_actor*) -> caf::behavior {
      return {[=](caf::ok_atom) { second_ran->set_value(); }};
    });
    std::function<void()> answer = [&, round] {
      auto worker = std::this_thread::get_id() != loops_own;
      by_worker += worker ? 1 : 0;
      // In every other round the loop's thread takes over, and helps, before there are jobs.
      if (worker && round % 2 == 0)
        took_over = falls_silent(loops_tid) && took_over;
      for (auto* caller : {&first, &second})
        caf::actor_cast<caf::strong_actor_ptr>(*caller)->enqueue(
            nullptr, caf::make_message_id(), caf::make_message(caf::ok_atom_v), &loop);
    };
    socket.send(answer);
    REQUIRE(first_ran->get_future().get());
    REQUIRE(took_over);
  }
  CHECK(by_worker == 40);
}

TEST_CASE("a loop that keeps its turn serves its own sockets") {
  scene s{event_loop::drive::thread};
  noting_socket socket{s.loop};
  for (auto i = 0; i < 100; ++i)
    CHECK(socket.server() == s.loops_own);
}

TEST_CASE("workers serve one loop, and the next one when that has ended") {
  scene s;
  auto socket = std::make_unique<noting_socket>(s.loop);
  CHECK(eventually([&] { return socket->server() == s.worker; }));
  socket.reset();
  event_loop second{s.system, "second", event_loop::drive::lent};
  {
    noting_socket other{second};
    for (auto i = 0; i < 100; ++i)
      CHECK(other.server() != s.worker);
    s.loop.stop();
    CHECK(eventually([&] { return other.server() == s.worker; }));
  }
  second.stop();
}

TEST_CASE("a loop ends while a worker waits for its sockets, and the next one gets it") {
  scene s;
  s.loop.stop();
  for (auto round = 0; round < 50; ++round) {
    event_loop next{s.system, "next", event_loop::drive::lent};
    {
      noting_socket socket{next};
      CHECK(eventually([&] { return socket.server() == s.worker; }));
    }
    next.stop();
    CHECK(on_worker(s.system, [] {}).get() == s.worker);
  }
}

// -- what is put off -----------------------------------------------------------------

TEST_CASE("what is deferred while the worker has jobs is done when it has none") {
  auto gathers = GENERATE(false, true);
  // The loop's thread may be faster where the machine stands still for a while.
  CHECK(eventually([gathers] {
    scene s;
    std::promise<std::thread::id> done;
    auto deferred = done.get_future();
    auto actor = spawn_on<deferring_state>(s.loop, &done, gathers);
    auto early = true;
    // given a worker with two jobs, the first of which sends
    std::future<std::thread::id> second;
    on_worker(s.system, [&] {
      second = on_worker(s.system, [&] { early = is_ready(deferred); });
      anon_mail(start_atom_v).send(actor);
    }).get();
    second.get();
    // Before the actor ends, which it would do ahead of what it has put off.
    auto by = deferred.get();
    caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    return by == s.worker && !early;
  }));
}

TEST_CASE("a worker without other jobs puts nothing off") {
  auto gathers = GENERATE(false, true);
  scene s;
  std::promise<std::thread::id> done;
  auto deferred = done.get_future();
  auto actor = spawn_on<deferring_state>(s.loop, &done, gathers);
  auto at_once = false;
  on_worker(s.system, [&] {
    anon_mail(start_atom_v).send(actor);
    at_once = is_ready(deferred);
  }).get();
  CHECK(at_once);
  caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
}

TEST_CASE("what is put off by a worker that is busy for long is done by the loop's thread") {
  auto gathers = GENERATE(false, true);
  for (auto round = 0; round < 20; ++round) {
    scene s;
    std::promise<std::thread::id> done;
    auto deferred = done.get_future();
    auto actor = spawn_on<deferring_state>(s.loop, &done, gathers);
    auto in_time = false;
    std::future<std::thread::id> second;
    auto first = on_worker(s.system, [&] {
      second = on_worker(s.system, [] {});
      anon_mail(start_atom_v).send(actor);
      in_time = deferred.wait_for(patience) == std::future_status::ready;
    });
    first.get();
    second.get();
    CHECK(in_time);
    CHECK(deferred.get() == s.loops_own);
    caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  }
}
