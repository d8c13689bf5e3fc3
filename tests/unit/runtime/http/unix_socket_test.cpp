#include "unit/runtime/http/server_fixture.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/http/internal/unix_socket.hpp"

#include <sys/stat.h>
#include <sys/wait.h>

#include <fstream>

using namespace http_test;

namespace {

struct unix_fixture : fixture {
  unix_fixture() {
    auto pattern = (std::filesystem::temp_directory_path() / "dbs-http-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    directory = pattern;
    path = (directory / "dbsd.sock").string();
  }
  ~unix_fixture() {
    server_.reset();
    std::error_code ec;
    std::filesystem::remove_all(directory, ec);
  }

  client connect() { return client{connect_unix(path)}; }

  std::string refusal(const std::string& where) {
    auto err = server().listen_unix(where);
    CHECK(err == dbs::errc::config_invalid);
    return dbs::describe(err);
  }

  std::filesystem::path directory;
  std::string path;
};

} // namespace

TEST_CASE("a Unix socket serves its own user only", "[http][unix]") {
  unix_fixture f;
  REQUIRE_FALSE(f.server().listen_unix(f.path));
  struct stat info {};
  REQUIRE(::stat(f.path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  auto c = f.connect();
  CHECK(f.ask(c, get("/item/1")).status == 200);
  CHECK(f.last.over_unix_socket);
}

TEST_CASE("another user is turned away even where the file lets him in", "[http][unix]") {
  if (::geteuid() != 0)
    SKIP("only root can act as another user");
  unix_fixture f;
  REQUIRE_FALSE(f.server().listen_unix(f.path));
  std::filesystem::permissions(f.directory, std::filesystem::perms::all);
  std::filesystem::permissions(f.path, std::filesystem::perms::all);
  auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    // Only async-signal-safe calls: says by its exit code what it saw.
    if (::setuid(65534) != 0)
      ::_exit(2);
    auto fd = connect_unix(f.path);
    char byte = 0;
    ::_exit(fd >= 0 && ::recv(fd, &byte, 1, 0) <= 0 ? 0 : 1);
  }
  int status = 0;
  CHECK(f.until([&] { return ::waitpid(child, &status, WNOHANG) == child; }));
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(f.server().stats().rejected == 1);
  CHECK(f.server().stats().accepted == 0);
}

TEST_CASE("our own user and root are allowed", "[http][unix]") {
  using dbs::http_internal::is_allowed_peer;
  CHECK(is_allowed_peer(1000, 1000));
  CHECK(is_allowed_peer(0, 1000));
  CHECK_FALSE(is_allowed_peer(1001, 1000));
  CHECK_FALSE(is_allowed_peer(1000, 0));
}

TEST_CASE("the socket of a dead process is replaced", "[http][unix]") {
  unix_fixture f;
  {
    // Leaves its file behind, as a killed process does.
    auto fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un addr{};
    addr.sun_family = AF_UNIX;
    std::memcpy(addr.sun_path, f.path.data(), f.path.size());
    REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&addr), sizeof(addr)) == 0);
    REQUIRE(::listen(fd, 1) == 0);
    ::close(fd);
  }
  REQUIRE(std::filesystem::exists(f.path));
  REQUIRE_FALSE(f.server().listen_unix(f.path));
  auto c = f.connect();
  CHECK(f.ask(c, get("/hello")).status == 200);
}

TEST_CASE("the socket of a living process is left alone", "[http][unix]") {
  unix_fixture f;
  REQUIRE_FALSE(f.server().listen_unix(f.path));
  fixture other;
  auto err = other.server().listen_unix(f.path);
  CHECK(err == dbs::errc::config_invalid);
  CHECK(dbs::describe(err).find("'" + f.path + "': another process uses it") != std::string::npos);
  auto c = f.connect();
  CHECK(f.ask(c, get("/hello")).status == 200);
}

TEST_CASE("a file that is no socket is left alone", "[http][unix]") {
  unix_fixture f;
  std::ofstream{f.path} << "precious";
  CHECK(f.refusal(f.path).find("not a socket") != std::string::npos);
  CHECK(std::filesystem::file_size(f.path) == 8);
}

TEST_CASE("a path that cannot be a socket is named", "[http][unix]") {
  unix_fixture f;
  auto long_path = "/tmp/" + std::string(200, 'x');
  CHECK(f.refusal(long_path).find(long_path) != std::string::npos);
  CHECK(f.refusal("").find("''") != std::string::npos);
  CHECK(f.refusal("/proc/nowhere/dbsd.sock").find("/proc/nowhere") != std::string::npos);
}

TEST_CASE("the socket file goes with the server", "[http][unix]") {
  unix_fixture f;
  REQUIRE_FALSE(f.server().listen_unix(f.path));
  SECTION("when it closes") {
    f.server().close();
    CHECK_FALSE(std::filesystem::exists(f.path));
  }
  SECTION("when it drains") {
    f.server().stop_accepting();
    CHECK_FALSE(std::filesystem::exists(f.path));
  }
  SECTION("but not that of a successor") {
    std::filesystem::rename(f.path, f.path + ".old");
    fixture successor;
    REQUIRE_FALSE(successor.server().listen_unix(f.path));
    f.server().close();
    CHECK(std::filesystem::exists(f.path));
  }
}
