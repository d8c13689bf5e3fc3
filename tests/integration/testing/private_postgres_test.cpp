#include "dbs/testing/servers/private_postgres.hpp"

#include "dbs/testing/eventually.hpp"
#include "dbs/testing/gate/tcp_gate.hpp"
#include "dbs/testing/servers/internal/libpq_session.hpp"
#include "dbs/testing/servers/process_tree.hpp"

#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <future>
#include <memory>
#include <sstream>
#include <thread>

using namespace dbs::testing;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using dbs::testing::internal::libpq_session;
using std::chrono::steady_clock;

namespace {

constexpr auto moment = 150ms;

uid_t owner_of(pid_t pid) {
  struct stat info {};
  REQUIRE(stat(("/proc/" + std::to_string(pid)).c_str(), &info) == 0);
  return info.st_uid;
}

/// Runs a query over TCP, as a user's program would.
std::string over_tcp(const private_postgres& server, const std::string& sql,
                     libpq_session::parameters more = {}, std::chrono::milliseconds within = 10s) {
  libpq_session::parameters all{{"host", server.host()},
                                {"port", std::to_string(server.port())},
                                {"user", server.options().superuser},
                                {"password", server.options().password},
                                {"dbname", server.options().database}};
  for (auto& parameter : more) {
    std::erase_if(all, [&](const auto& x) { return x.first == parameter.first; });
    all.push_back(parameter);
  }
  return libpq_session{all, steady_clock::now() + within}.execute(sql);
}

/// A query that is still running when the function returns.
std::future<std::string> busy(const private_postgres& server) {
  auto result = std::async(std::launch::async,
                           [&server] { return server.psql("select 'done' from pg_sleep(60)"); });
  REQUIRE(eventually([&] {
    return server.psql("select count(*) from pg_stat_activity where wait_event = 'PgSleep'") != "0";
  }));
  return result;
}

bool all_gone(const std::vector<pid_t>& processes) {
  return std::none_of(processes.begin(), processes.end(), is_alive);
}

bool shared_memory_exists(int id) {
  std::istringstream segments{read_file("/proc/sysvipc/shm")};
  std::string line;
  std::getline(segments, line);
  while (std::getline(segments, line)) {
    std::istringstream fields{line};
    int64_t key = 0;
    int found = 0;
    if (fields >> key >> found && found == id)
      return true;
  }
  return false;
}

int shared_memory_of(const private_postgres& server) {
  std::istringstream lines{read_file(server.directory() / "data" / "postmaster.pid")};
  std::string line;
  for (int i = 0; i < 7; ++i)
    std::getline(lines, line);
  std::istringstream fields{line};
  unsigned long key = 0;
  int id = -1;
  fields >> key >> id;
  return id;
}

} // namespace

TEST_CASE("a private PostgreSQL answers on its port and its socket, and never as root") {
  private_postgres server;
  CHECK(server.psql("select 1, null, 'x'; select 2") == "1||x\n2");
  CHECK(over_tcp(server, "select current_user") == "postgres");
  CHECK(server.url() ==
        "postgresql://postgres@127.0.0.1:" + std::to_string(server.port()) + "/postgres");
  CHECK(owner_of(server.pid()) != 0);
  // Backends come and go while we look.
  struct stat info {};
  for (auto pid : descendants(server.pid()))
    if (stat(("/proc/" + std::to_string(pid)).c_str(), &info) == 0)
      CHECK(info.st_uid != 0);
  CHECK_THAT(server.log_text(), ContainsSubstring("ready to accept connections"));
}

TEST_CASE("a statement that fails in psql says why, with its SQLSTATE") {
  private_postgres server;
  CHECK_THROWS_WITH(server.psql("select 1/0"),
                    ContainsSubstring("division by zero") && ContainsSubstring("22012"));
  CHECK_THROWS_WITH(server.psql("select pg_sleep(60)", 100ms), ContainsSubstring("deadline"));
}

TEST_CASE("a private PostgreSQL leaves no file, process or shared memory behind") {
  std::filesystem::path directory;
  std::vector<pid_t> processes;
  int segment = -1;
  {
    private_postgres server;
    directory = server.directory();
    processes = descendants(server.pid());
    processes.push_back(server.pid());
    segment = shared_memory_of(server);
    REQUIRE(std::filesystem::exists(directory));
    REQUIRE(processes.size() > 3);
    REQUIRE(shared_memory_exists(segment));
  }
  CHECK_FALSE(std::filesystem::exists(directory));
  CHECK(all_gone(processes));
  CHECK_FALSE(shared_memory_exists(segment));
}

TEST_CASE("a killed PostgreSQL is gone with all its processes and comes back with its data") {
  private_postgres server;
  server.psql("create table kept (x int); insert into kept values (7)");
  auto port = server.port();
  auto running = busy(server);
  auto processes = descendants(server.pid());
  processes.push_back(server.pid());
  REQUIRE(processes.size() > 4);

  server.kill();

  CHECK(all_gone(processes));
  CHECK_FALSE(server.running());
  CHECK_THROWS(running.get());
  CHECK_THROWS(server.psql("select 1"));
  CHECK_THROWS(over_tcp(server, "select 1"));

  server.start();

  CHECK(server.port() == port);
  CHECK(over_tcp(server, "select x from kept") == "7");
  CHECK_THAT(server.log_text(), ContainsSubstring("automatic recovery in progress"));
}

TEST_CASE("a PostgreSQL whose main process was killed by somebody else starts again") {
  private_postgres server;
  auto running = busy(server);
  ::kill(server.pid(), SIGKILL);
  REQUIRE(eventually([&] { return !server.running(); }));
  server.start();
  CHECK(server.psql("select 1") == "1");
  CHECK_THROWS(running.get());
}

TEST_CASE("a paused PostgreSQL answers when it is resumed, not before") {
  private_postgres server;
  server.pause();
  CHECK(is_stopped(server.pid()));
  for (auto pid : descendants(server.pid()))
    CHECK(is_stopped(pid));
  auto answer = std::async(std::launch::async, [&] { return over_tcp(server, "select 1"); });
  CHECK(answer.wait_for(moment) == std::future_status::timeout);
  server.resume();
  CHECK(answer.get() == "1");
}

TEST_CASE("a paused PostgreSQL can be killed, stopped and destroyed") {
  private_postgres server;
  auto old = server.pid();
  server.pause();
  server.kill();
  CHECK_FALSE(is_alive(old));
  server.start();
  server.pause();
  server.stop();
  CHECK_FALSE(server.running());
  server.start();
  server.pause();
}

TEST_CASE("a smart stop waits for clients, a fast one cuts them off") {
  private_postgres server;
  auto running = busy(server);
  CHECK_THROWS_WITH(server.stop(postgres_stop::smart, moment), ContainsSubstring("not stopped"));
  CHECK(server.running());
  server.stop(postgres_stop::fast);
  CHECK_FALSE(server.running());
  CHECK_THROWS_WITH(running.get(), ContainsSubstring("terminating connection"));
}

TEST_CASE("an immediate stop needs recovery at the next start, a restart does not") {
  private_postgres server;
  auto first = server.pid();
  server.restart();
  CHECK(server.pid() != first);
  CHECK_THAT(server.log_text(), !ContainsSubstring("automatic recovery in progress"));
  server.stop(postgres_stop::immediate);
  server.start();
  CHECK_THAT(server.log_text(), ContainsSubstring("automatic recovery in progress"));
}

TEST_CASE("a PostgreSQL with a password refuses a wrong one, and psql needs none") {
  private_postgres_options options;
  options.superuser = "the boss";
  options.password = "p@ss'w\"o/rd";
  options.database = "shop \"2\"";
  private_postgres server{options};
  CHECK(over_tcp(server, "select current_user, current_database()") == "the boss|shop \"2\"");
  CHECK_THROWS_WITH(over_tcp(server, "select 1", {{"password", "wrong"}}),
                    ContainsSubstring("password authentication failed"));
  CHECK(server.psql("select rolpassword like 'SCRAM-SHA-256%' from pg_authid "
                    "where rolname = 'the boss'") == "t");
  CHECK(server.url() == "postgresql://the%20boss:p%40ss%27w%22o%2Frd@127.0.0.1:" +
                            std::to_string(server.port()) + "/shop%20%222%22");
  std::unique_ptr<PGconn, decltype(&PQfinish)> by_url{PQconnectdb(server.url().c_str()), &PQfinish};
  CHECK(PQstatus(by_url.get()) == CONNECTION_OK);
  server.restart();
  CHECK(over_tcp(server, "select 1") == "1");
}

TEST_CASE("a PostgreSQL with TLS is verified by its authority and refused under another") {
  private_postgres_options options;
  options.tls = tls_mode::required;
  private_postgres server{options};
  const auto& files = server.certificates();
  auto encrypted = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
  for (const char* name : {"127.0.0.1", "localhost"}) {
    CHECK(over_tcp(server, encrypted,
                   {{"host", name},
                    {"hostaddr", "127.0.0.1"},
                    {"sslmode", "verify-full"},
                    {"sslrootcert", files.authority.string()}}) == "t");
  }
  CHECK_THROWS_WITH(
      over_tcp(server, "select 1",
               {{"sslmode", "verify-full"}, {"sslrootcert", files.rogue_authority.string()}}),
      ContainsSubstring("certificate verify failed"));
  CHECK_THROWS_WITH(over_tcp(server, "select 1", {{"sslmode", "disable"}}),
                    ContainsSubstring("no encryption"));

  private_postgres plain;
  CHECK_THROWS_AS(plain.certificates(), std::logic_error);
}

TEST_CASE("where TLS is offered both kinds of connections work") {
  private_postgres_options options;
  options.tls = tls_mode::offered;
  private_postgres server{options};
  auto encrypted = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
  CHECK(over_tcp(server, encrypted, {{"sslmode", "disable"}}) == "f");
  CHECK(over_tcp(server, encrypted, {{"sslmode", "require"}}) == "t");
}

TEST_CASE("settings, connection limit and access rules reach the server") {
  private_postgres_options options;
  options.max_connections = 17;
  options.settings = {{"work_mem", "3MB"}, {"application_name", "it's a \\ test"}};
  options.hba_lines = {"host all nobody_else 127.0.0.1/32 reject"};
  private_postgres server{options};
  CHECK(server.psql("show max_connections; show work_mem") == "17\n3MB");
  CHECK(server.psql("select reset_val from pg_settings where name = 'work_mem'") == "3072");
  CHECK(server.psql("select setting from pg_file_settings where name = 'application_name'") ==
        "it's a \\ test");
  server.psql("create role nobody_else login");
  CHECK_THROWS_WITH(over_tcp(server, "select 1", {{"user", "nobody_else"}}),
                    ContainsSubstring("rejects connection"));
}

TEST_CASE("a PostgreSQL that cannot start says why with its log") {
  private_postgres_options options;
  options.settings = {{"shared_buffers", "a lot"}};
  CHECK_THROWS_WITH(private_postgres{options},
                    ContainsSubstring("the server ended") && ContainsSubstring("shared_buffers"));
}

TEST_CASE("a private PostgreSQL outlives the thread that started it") {
  std::unique_ptr<private_postgres> server;
  std::thread{[&] { server = std::make_unique<private_postgres>(); }}.join();
  auto pid = server->pid();
  CHECK(server->psql("select pg_sleep(0.1)").empty());
  CHECK(server->running());
  CHECK(server->pid() == pid);
}

TEST_CASE("a PostgreSQL behind a gate is there, silent, and there again") {
  private_postgres server;
  tcp_gate gate{server.host(), server.port()};
  libpq_session::parameters through{{"port", std::to_string(gate.port())}};
  CHECK(over_tcp(server, "select 1", through) == "1");
  gate.drop();
  CHECK_THROWS_WITH(over_tcp(server, "select 1", through, moment), ContainsSubstring("deadline"));
  gate.pass();
  CHECK(over_tcp(server, "select 1", through) == "1");
}
