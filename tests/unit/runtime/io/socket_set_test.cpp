#include "dbs/runtime/io/socket_set.hpp"

#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <future>
#include <memory>
#include <vector>

using namespace dbs;

namespace {

/// One end of a pair of sockets, in a set. Does what it is told when it is ready.
class watched_socket final : public socket_watcher {
public:
  explicit watched_socket(socket_set& in) : in_(in) {
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends_.data()) == 0);
    key = in_.add(ends_[0], *this);
    REQUIRE(key != 0);
  }

  ~watched_socket() {
    leave();
    hang_up();
    ::close(ends_[0]);
  }

  watched_socket(const watched_socket&) = delete;
  watched_socket& operator=(const watched_socket&) = delete;

  void leave() { in_.remove(key); }

  void on_readable() override {
    ++reads;
    if (when_readable)
      when_readable();
  }

  void on_writable() override {
    ++writes;
    if (when_writable)
      when_writable();
  }

  /// The peer sends a byte.
  void receive() { REQUIRE(::write(ends_[1], "x", 1) == 1); }

  void read_all() {
    char ignored[16];
    while (::read(ends_[0], ignored, sizeof(ignored)) > 0) {
      // more
    }
  }

  void hang_up() {
    if (ends_[1] >= 0)
      ::close(ends_[1]);
    ends_[1] = -1;
  }

  socket_set::key key = 0;
  int reads = 0;
  int writes = 0;
  std::function<void()> when_readable;
  std::function<void()> when_writable;

private:
  socket_set& in_;
  std::array<int, 2> ends_{-1, -1};
};

struct fixture {
  void serve() { set.serve(set.poll()); }

  bool anything_ready() { return !set.poll().events().empty(); }

  socket_set set;
  watched_socket one{set};
  watched_socket two{set};
};

} // namespace

TEST_CASE_METHOD(fixture, "who waits for a socket is told once for each time that it waits") {
  one.receive();
  serve();
  CHECK(one.reads == 0);
  set.await_readable(one.key);
  serve();
  CHECK(one.reads == 1);
  serve();
  CHECK(one.reads == 1);
  set.await_readable(one.key);
  set.await_readable(one.key);
  serve();
  CHECK(one.reads == 2);
  CHECK(one.writes == 0);
  CHECK(two.reads == 0);
}

TEST_CASE_METHOD(fixture, "who waits again while it is told hears of what is left") {
  one.when_readable = [this] { set.await_readable(one.key); };
  set.await_readable(one.key);
  one.receive();
  serve();
  serve();
  CHECK(one.reads == 2);
  one.read_all();
  serve();
  CHECK(one.reads == 2);
  one.receive();
  serve();
  CHECK(one.reads == 3);
}

TEST_CASE_METHOD(fixture, "what nobody waits for any more is not reported again") {
  set.await_readable(one.key);
  set.await_writable(one.key);
  one.receive();
  serve();
  CHECK(one.reads == 1);
  CHECK(one.writes == 1);
  CHECK_FALSE(anything_ready());
}

TEST_CASE_METHOD(fixture, "a peer that has gone is told to whoever waits, for either") {
  set.await_readable(one.key);
  set.await_writable(two.key);
  one.hang_up();
  two.hang_up();
  serve();
  CHECK(one.reads == 1);
  CHECK(one.writes == 0);
  CHECK(two.reads == 0);
  CHECK(two.writes == 1);
}

TEST_CASE_METHOD(fixture, "a peer that has gone keeps nobody busy who does not wait") {
  one.hang_up();
  serve();
  CHECK_FALSE(anything_ready());
  // but is found by who waits later
  set.await_readable(one.key);
  serve();
  CHECK(one.reads == 1);
}

TEST_CASE_METHOD(fixture, "a socket that another one's watcher removes hears nothing") {
  for (auto* x : {&one, &two}) {
    set.await_readable(x->key);
    x->receive();
    x->when_readable = [this, x] { (x == &one ? two : one).leave(); };
  }
  serve();
  CHECK(one.reads + two.reads == 1);
}

TEST_CASE_METHOD(fixture, "nor does one that its own watcher removes") {
  set.await_readable(one.key);
  set.await_writable(one.key);
  one.receive();
  one.when_readable = [this] { one.leave(); };
  serve();
  CHECK(one.reads == 1);
  CHECK(one.writes == 0);
  set.await_readable(one.key);
  CHECK_FALSE(anything_ready());
}

TEST_CASE_METHOD(fixture, "an event of a socket that was removed is not its successor's") {
  set.await_readable(one.key);
  one.receive();
  auto found = set.poll();
  REQUIRE(found.events().size() == 1);
  one.leave();
  watched_socket three{set};
  CHECK(static_cast<uint32_t>(three.key) == static_cast<uint32_t>(one.key));
  CHECK(three.key != one.key);
  set.await_readable(three.key);
  set.serve(found);
  CHECK(one.reads == 0);
  CHECK(three.reads == 0);
  three.receive();
  serve();
  CHECK(three.reads == 1);
}

TEST_CASE_METHOD(fixture, "watchers may add sockets while they are told") {
  std::vector<std::unique_ptr<watched_socket>> more;
  for (auto* x : {&one, &two}) {
    set.await_readable(x->key);
    x->receive();
    x->when_readable = [this, &more] {
      for (auto i = 0; i < 100; ++i) {
        more.push_back(std::make_unique<watched_socket>(set));
        set.await_readable(more.back()->key);
      }
    };
  }
  serve();
  CHECK(more.size() == 200);
  more.back()->receive();
  serve();
  CHECK(more.back()->reads == 1);
}

TEST_CASE_METHOD(fixture, "what the kernel does not watch is not added") {
  CHECK(set.add(-1, one) == 0);
  auto file = ::open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  REQUIRE(file >= 0);
  CHECK(set.add(file, one) == 0);
  ::close(file);
  // and what comes next is
  watched_socket three{set};
  set.await_readable(three.key);
  three.receive();
  serve();
  CHECK(three.reads == 1);
}

TEST_CASE_METHOD(fixture, "a wait ends when a socket is ready") {
  set.await_readable(two.key);
  auto waiting = std::async(std::launch::async, [this] { return set.wait(); });
  two.receive();
  auto found = waiting.get();
  CHECK(found.events().size() == 1);
  set.serve(found);
  CHECK(two.reads == 1);
}

TEST_CASE_METHOD(fixture, "a wait ends when it is interrupted, and so does the next") {
  auto waiting = std::async(std::launch::async, [this] { return set.wait(); });
  set.interrupt();
  auto first = waiting.get();
  CHECK(first.interrupted());
  CHECK(first.events().empty());
  CHECK(set.wait().interrupted());
  // until the interrupt is cleared
  set.clear_interrupt();
  set.await_readable(one.key);
  one.receive();
  auto last = set.wait();
  CHECK_FALSE(last.interrupted());
  CHECK(last.events().size() == 1);
}

TEST_CASE_METHOD(fixture, "an interrupt is no socket's, whoever looks") {
  set.interrupt();
  set.await_readable(one.key);
  one.receive();
  CHECK(set.poll().events().size() == 1);
  // and is still there for who waits
  CHECK_FALSE(set.wait().events().empty());
  one.read_all();
  CHECK(set.wait().events().empty());
}
