#include "dbs/testing/servers/process.hpp"

#include "dbs/testing/eventually.hpp"
#include "dbs/testing/servers/free_port.hpp"
#include "dbs/testing/servers/private_postgres.hpp"
#include "dbs/testing/servers/private_redis.hpp"
#include "dbs/testing/servers/process_tree.hpp"
#include "plain_socket.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <sys/stat.h>
#include <sys/wait.h>

#include <cstdlib>
#include <future>
#include <iostream>
#include <set>
#include <sstream>

using namespace dbs::testing;
using namespace dbs::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

namespace fs = std::filesystem;

/// Sets an environment variable and puts the old value back.
class environment {
public:
  environment(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name))
      old_ = old;
    setenv(name, value.c_str(), 1);
  }

  ~environment() {
    if (old_)
      setenv(name_, old_->c_str(), 1);
    else
      unsetenv(name_);
  }

private:
  const char* name_;
  std::optional<std::string> old_;
};

process_options shell(const std::string& script, const temporary_directory& scratch) {
  process_options result{.program = "/bin/sh", .arguments = {"-c", script}};
  result.output = scratch.path() / "out";
  return result;
}

} // namespace

TEST_CASE("a program's output and its end can be had") {
  temporary_directory scratch{"process"};
  process child{shell("echo out; echo err >&2; exit 3", scratch)};
  auto status = child.wait_for(10s);
  REQUIRE(status);
  CHECK(WIFEXITED(*status));
  CHECK(WEXITSTATUS(*status) == 3);
  CHECK_FALSE(child.running());
  CHECK(read_file(scratch.path() / "out") == "out\nerr\n");
  child.signal(SIGKILL); // nobody is there any more, and nobody is hit
}

TEST_CASE("a program that cannot be run is named") {
  CHECK_THROWS_WITH(process({.program = "/no/such/program"}),
                    ContainsSubstring("/no/such/program") && ContainsSubstring("No such file"));
  temporary_directory scratch{"process"};
  CHECK_THROWS_WITH(run_program(shell("echo because; false", scratch), 10s),
                    ContainsSubstring("because"));
  CHECK_THROWS_WITH(run_program(shell("sleep 60", scratch), 50ms), ContainsSubstring("50 ms"));
}

TEST_CASE("a program inherits neither descriptors nor blocked signals") {
  temporary_directory scratch{"process"};
  int leaky = open("/dev/null", O_RDONLY); // without O_CLOEXEC
  CHECK(run_program(shell("ls /proc/self/fd | wc -l; grep SigBlk /proc/self/status", scratch),
                    10s) == "4\nSigBlk:\t0000000000000000\n");
  close(leaky);
}

TEST_CASE("killing a program kills what it started, in sessions of their own as well") {
  temporary_directory scratch{"process"};
  process child{shell("setsid sleep 60 & sh -c 'sleep 60 & wait' & wait", scratch)};
  REQUIRE(eventually([&] { return descendants(child.pid()).size() == 3; }));
  auto family = descendants(child.pid());
  child.stop_all();
  for (auto pid : family)
    CHECK(is_stopped(pid));
  child.continue_all();
  CHECK(eventually([&] { return !is_stopped(family.front()); }));
  child.kill_all();
  for (auto pid : family)
    CHECK_FALSE(is_alive(pid));
}

TEST_CASE("the last lines of a text") {
  CHECK(tail("a\nb\nc\n", 2) == "b\nc\n");
  CHECK(tail("a\nb\nc", 2) == "b\nc");
  CHECK(tail("a\n", 2) == "a\n");
  CHECK(tail("", 2).empty());
}

TEST_CASE("a reserved port is refused, given to nobody else, and free for its server") {
  free_port port;
  CHECK(plain_socket{}.connect(port.number()) == ECONNREFUSED);

  // Whoever asks for any port, of which this is the only one the kernel may choose
  // (Linux 6.3 or later; older ones refuse the option), does not get it.
  constexpr int local_port_range = 51; // IP_LOCAL_PORT_RANGE
  int yes = 1;
  uint32_t range = port.number() | uint32_t{port.number()} << 16;
  plain_socket other{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  setsockopt(other.fd(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  if (setsockopt(other.fd(), IPPROTO_IP, local_port_range, &range, sizeof(range)) == 0) {
    auto any = plain_socket::loopback(0);
    int result = bind(other.fd(), reinterpret_cast<sockaddr*>(&any), sizeof(any)) == 0 ? 0 : errno;
    CHECK(result == EADDRINUSE);
  }

  plain_socket server{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  setsockopt(server.fd(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  auto address = plain_socket::loopback(port.number());
  CHECK(bind(server.fd(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  CHECK(listen(server.fd(), 1) == 0);
  CHECK(plain_socket{}.connect(port.number()) == 0);
}

TEST_CASE("a directory is removed with everything in it, and not while its owner lives") {
  fs::path path;
  {
    temporary_directory owner{"test"};
    path = owner.path();
    CHECK_THAT(path.filename().string(),
               ContainsSubstring("dbs-testing-test-" + std::to_string(getpid())));
    fs::create_directories(path / "a" / "b");
    temporary_directory another{"test"};
    CHECK(fs::exists(path / "a" / "b"));
  }
  CHECK_FALSE(fs::exists(path));
}

TEST_CASE("a TMPDIR is used unless servers could not work below it") {
  temporary_directory here{"test", {.shared = true}};
  auto hidden = here.path() / "h";
  fs::create_directory(hidden);
  fs::permissions(hidden, fs::perms::owner_all);
  environment changed{"TMPDIR", hidden.string()};
  CHECK(temporary_directory{"own"}.path().parent_path() == hidden);
  CHECK(temporary_directory{"shared", {.shared = true}}.path().parent_path() == "/tmp");
  environment again{"TMPDIR", (hidden / std::string(60, 'x')).string()};
  CHECK(temporary_directory{"own"}.path().parent_path() == "/tmp");
}

TEST_CASE("a directory in memory is in /dev/shm, or where TMPDIR says") {
  temporary_directory here{"test"};
  {
    environment changed{"TMPDIR", here.path().string()};
    CHECK(temporary_directory{"own", {.in_memory = true}}.path().parent_path() == here.path());
  }
  environment changed{"TMPDIR", ""};
  if (fs::exists("/dev/shm") && fs::space("/dev/shm").available > uintmax_t{2} << 30)
    CHECK(temporary_directory{"own", {.in_memory = true}}.path().parent_path() == "/dev/shm");
}

TEST_CASE("processes that find no PostgreSQL template at once make one", "[slow]") {
  temporary_directory cache{"cache"};
  environment changed{"XDG_CACHE_HOME", cache.path().string()};
  auto start = [] { return private_postgres{}.psql("select 1"); };
  auto first = std::async(std::launch::async, start);
  auto second = std::async(std::launch::async, start);
  CHECK(first.get() == "1");
  CHECK(second.get() == "1");
  std::set<std::string> kinds;
  for (const auto& entry : fs::directory_iterator{cache.path() / "dbs-testing"})
    kinds.insert(entry.path().extension() == ".lock" ? "lock" : entry.path().filename().string());
  CHECK(kinds.size() == 2);
  CHECK(kinds.contains("lock"));
}

// Not a test: the program that the next one starts and kills.
TEST_CASE("servers that wait to be orphaned", "[.orphans]") {
  private_postgres postgres;
  private_redis redis;
  std::cout << "servers " << postgres.pid() << ' ' << redis.pid() << ' ' << postgres.directory()
            << ' ' << redis.directory() << std::endl;
  if (std::getenv("DBS_TEST_PAUSE") != nullptr) {
    postgres.pause();
    redis.pause();
  }
  process sleeper{{.program = "/bin/sleep", .arguments = {"60"}}};
  std::cout << "ready" << std::endl;
  sleeper.wait_for(60s);
}

TEST_CASE("the servers of a killed program die with it, and their files at the next start") {
  bool paused = GENERATE(false, true);
  CAPTURE(paused);
  temporary_directory scratch{"orphans"};
  process_options options{.program = fs::read_symlink("/proc/self/exe"),
                          .arguments = {"servers that wait to be orphaned"}};
  options.output = scratch.path() / "out";
  std::optional<environment> pause;
  if (paused)
    pause.emplace("DBS_TEST_PAUSE", "1");
  process program{options};
  REQUIRE(eventually(
      [&] { return read_file(options.output).find("\nready\n") != std::string::npos; }, 60s));
  auto text = read_file(options.output);
  std::istringstream fields{text.substr(text.rfind("servers ") + 8)};
  pid_t postgres = 0;
  pid_t redis = 0;
  fs::path postgres_files;
  fs::path redis_files;
  fields >> postgres >> redis >> postgres_files >> redis_files;
  auto servers = descendants(postgres);
  servers.insert(servers.end(), {postgres, redis});
  REQUIRE(servers.size() > 4);
  REQUIRE(is_alive(postgres));
  REQUIRE(fs::exists(redis_files));

  program.signal(SIGKILL);
  REQUIRE(program.wait_for(10s));

  // What is stopped cannot answer the kernel's signal: the next start ends it.
  auto next = std::optional<temporary_directory>{};
  if (paused)
    next.emplace("next", temporary_directory_options{.in_memory = true});
  for (auto pid : servers)
    CHECK(eventually([pid] { return !is_alive(pid); }));
  if (!paused)
    next.emplace("next", temporary_directory_options{.in_memory = true});
  CHECK_FALSE(fs::exists(postgres_files));
  CHECK_FALSE(fs::exists(redis_files));
}
