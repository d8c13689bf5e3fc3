// What dbsctl prints, and what its exit codes say.
#include "integration/apps/embedded_node.hpp"

#include "dbs/testing/eventually.hpp"

#include <nlohmann/json.hpp>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <sstream>
#include <tuple>
#include <vector>

using namespace dbs;
using namespace dbs::tests;
using namespace std::chrono_literals;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> result;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);)
    result.push_back(line);
  return result;
}

/// Something that listens where a node should. Answers every request with `greeting`,
/// or keeps it waiting if that is empty.
class impostor {
public:
  impostor(std::string path, std::string greeting, uid_t user = ::geteuid()) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::signal(SIGPIPE, SIG_IGN);
      // The kernel notes who listens when listen() is called.
      auto fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
      auto bound = ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
                   ::chmod(path.c_str(), 0666) == 0 && ::setuid(user) == 0 && ::listen(fd, 5) == 0;
      if (!bound)
        _exit(1);
      std::ignore = ::write(ready[1], "x", 1);
      for (;;) {
        auto client = ::accept(fd, nullptr, nullptr);
        if (greeting.empty())
          continue;
        char request[4096];
        std::ignore = ::read(client, request, sizeof(request));
        std::ignore = ::write(client, greeting.data(), greeting.size());
        ::close(client);
      }
    }
    ::close(ready[1]);
    char sign = 0;
    CHECK(::read(ready[0], &sign, 1) == 1);
    ::close(ready[0]);
  }
  impostor(const impostor&) = delete;
  impostor& operator=(const impostor&) = delete;
  ~impostor() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

private:
  pid_t pid_ = -1;
};

struct empty_place {
  outcome ctl(const std::string& arguments) const {
    return run(bin + "/dbsctl --socket " + socket + " " + arguments);
  }

  testing::temporary_directory directory{"ctl"};
  std::string socket = (directory.path() / "dbsd.sock").string();
};

} // namespace

// -- exit codes, as docs/dbsctl.md lists them --------------------------------------

TEST_CASE_METHOD(embedded_node, "exit codes 0 and 10: healthy, and anything less") {
  start_and_wait();
  CHECK(ctl("health").exit_code == 0);
  redis.kill();
  CHECK(testing::eventually([&] { return ctl("health").exit_code == 10; }, 20s));
  CHECK(ctl("health").says("degraded"));
  CHECK(ctl("wait --ready --timeout 5s").exit_code == 0);
  postgres.stop(testing::postgres_stop::immediate);
  auto is_unhealthy = [&] {
    return nlohmann::json::parse(ctl("--json health").output)["overall"]["status"] == "unhealthy";
  };
  CHECK(testing::eventually(is_unhealthy, 20s));
  CHECK(ctl("health").exit_code == 10);
  CHECK(ctl("wait --ready --timeout 300ms").exit_code == 1);
}

TEST_CASE_METHOD(empty_place, "exit code 1: what answers is no node") {
  impostor other{socket, "220 mail.example.org ESMTP\r\n"};
  CHECK(ctl("health").exit_code == 1);
}

TEST_CASE_METHOD(empty_place, "exit code 1: an answer without JSON is no node's") {
  impostor other{socket, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"};
  CHECK(ctl("tree").exit_code == 1);
}

TEST_CASE("exit code 2: wrong usage") {
  CHECK(run(bin + "/dbsctl frobnicate").exit_code == 2);
  CHECK(run(bin + "/dbsctl").exit_code == 2);
  CHECK(run(bin + "/dbsctl wait --timeout soon").exit_code == 2);
  CHECK(run(bin + "/dbsctl pool resize many").exit_code == 2);
}

TEST_CASE_METHOD(empty_place, "exit code 3: nobody is there, or does not answer") {
  CHECK(ctl("health").exit_code == 3);
  impostor silent{socket, ""};
  CHECK(ctl("--timeout-ms 200 tree").exit_code == 3);
}

TEST_CASE_METHOD(empty_place, "exit code 3: whoever listens at the default path is another user") {
  if (::geteuid() != 0)
    SKIP("only root can act as another user");
  impostor other{socket, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 65533};
  auto asked = run("env -u DBS_HTTP_SOCKET XDG_RUNTIME_DIR=" + directory.path().string() + " " +
                   bin + "/dbsctl sql 'select secret'");
  INFO(asked.output);
  CHECK(asked.exit_code == 3);
  CHECK(asked.says("runs as user 65533"));
  // root may operate that user's node, when it says so
  CHECK(ctl("stats http").exit_code == 0);
}

TEST_CASE_METHOD(embedded_node, "exit code 4: the node refuses") {
  start_and_wait();
  auto bad = ctl("sql 'select nonsense'");
  CHECK(bad.exit_code == 4);
  CHECK(bad.says("42703"));
  // a statement that takes too long is an answer, too
  auto slow = ctl("--timeout-ms 300 sql 'select pg_sleep(30)'");
  CHECK(slow.exit_code == 4);
  CHECK(slow.says("deadline_exceeded"));
  // whatever a service is called, it is one part of the path
  auto unknown = ctl("stats '../v1/tree?x=%00'");
  CHECK(unknown.exit_code == 4);
  CHECK(unknown.says("../v1/tree?x=%00"));
}

TEST_CASE_METHOD(embedded_node, "exit code 4: a request that is far too large is refused, too") {
  start_and_wait();
  std::string many = "sql 'select 1'";
  for (int i = 0; i < 10; ++i)
    many += " $(head -c 100000 /dev/zero | tr '\\0' x)";
  auto refused = ctl(many);
  CHECK(refused.exit_code == 4);
  CHECK(refused.says("payload_too_large"));
}

TEST_CASE_METHOD(empty_place, "exit code 5: what was sent and is not answered may have happened") {
  impostor silent{socket, ""};
  auto sql = ctl("--timeout-ms 200 sql 'insert into t values (1)'");
  CHECK(sql.exit_code == 5);
  CHECK(sql.says("in_doubt"));
  CHECK(ctl("--timeout-ms 200 pool resize 3").exit_code == 5);
  // to look changes nothing
  CHECK(ctl("--timeout-ms 200 stats pool").exit_code == 3);
}

TEST_CASE_METHOD(embedded_node, "exit code 1: the output cannot be written") {
  start_and_wait();
  auto lost = ctl("--json stats pool > /dev/full");
  CHECK(lost.exit_code == 1);
  CHECK(lost.says("cannot write the output"));
}

TEST_CASE_METHOD(empty_place, "wait keeps to its time though nobody answers") {
  impostor silent{socket, ""};
  auto began = std::chrono::steady_clock::now();
  CHECK(ctl("wait --ready --timeout 1s").exit_code == 3);
  auto took = std::chrono::steady_clock::now() - began;
  CHECK(took >= 900ms);
  CHECK(took < 4s);
}

// -- what is printed ---------------------------------------------------------------

TEST_CASE_METHOD(embedded_node, "the tree shows who depends on whom") {
  start_and_wait();
  CHECK(ctl("tree").says("postgres_pool"));
  CHECK(ctl("tree --deps").says("health -> postgres_pool\n"));
  auto dot = ctl("tree --deps --dot").output;
  CHECK(dot.starts_with("digraph"));
  for (auto edge : {"health -> postgres_pool", "health -> redis", "http -> health"})
    CHECK(dot.find(edge) != std::string::npos);
}

TEST_CASE_METHOD(embedded_node, "pool holders names who holds a connection") {
  start_and_wait();
  // The pool's own probe may be there, too, for a moment.
  CHECK(!ctl("pool holders").says("select pg_backend_pid()"));
  auto session = services->database().sync(system).checkout();
  REQUIRE(session);
  REQUIRE(session->begin());
  REQUIRE(session->execute("select pg_backend_pid()"));
  auto held = ctl("pool holders --json");
  INFO(held.output);
  auto rows = nlohmann::json::parse(held.output);
  auto ours = std::find_if(rows.begin(), rows.end(),
                           [](auto& row) { return row["statement"] == "select pg_backend_pid()"; });
  REQUIRE(ours != rows.end());
  CHECK((*ours)["in_transaction"] == true);
  CHECK((*ours)["age_ms"].is_number());
  CHECK(ctl("pool holders").says("select pg_backend_pid()"));
  REQUIRE(session->rollback());
  session->release();
  CHECK(testing::eventually([&] { return !ctl("pool holders").says("select pg_backend_pid()"); }));
}

TEST_CASE_METHOD(embedded_node, "nothing from the database commands the terminal") {
  start_and_wait();
  auto table = ctl(R"(sql "select chr(27) || '[31m' || chr(10) || chr(155) as a, 'x' as b)"
                   R"( union all select 'grün', 'y' order by b")");
  INFO(table.output);
  REQUIRE(table.exit_code == 0);
  CHECK(table.output.find('\x1b') == std::string::npos);
  auto lines = lines_of(table.output);
  REQUIRE(lines.size() == 4);
  CHECK(lines[1] == R"(\x1b[31m\n\x9b  x)");
  // columns stand one below the other, whatever bytes a character takes
  CHECK(lines[2] == "grün" + std::string(12, ' ') + "y");
  auto json = ctl(R"(--json sql "select chr(27) || chr(127) || chr(155) as a")");
  CHECK(json.says(R"(\u001b\u007f\u009b)"));
  auto error = ctl(R"(sql "select * from \"$(printf '\033[31m')\"")");
  CHECK(error.exit_code == 4);
  CHECK(error.output.find('\x1b') == std::string::npos);
}

TEST_CASE_METHOD(embedded_node, "a result that is too large is cut, and says so") {
  start_and_wait();
  auto many = ctl("sql 'select generate_series(1, 10001)'");
  CHECK(many.exit_code == 0);
  CHECK(many.says("more rows"));
  auto wide = ctl(R"x(--json sql "select repeat('x', 1000000) from generate_series(1, 20)")x");
  auto body = nlohmann::json::parse(wide.output);
  CHECK(body["truncated"] == true);
  CHECK(body["rows"].size() == 8);
}
