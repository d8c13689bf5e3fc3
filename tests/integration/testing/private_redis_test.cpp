#include "dbs/testing/servers/private_redis.hpp"

#include "dbs/testing/servers/process_tree.hpp"
#include "plain_socket.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <sys/stat.h>

#include <future>

using namespace dbs::testing;
using namespace dbs::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr auto moment = 150ms;

/// Sends a line to a plain port and returns the line it is answered with.
std::string plain_ping(uint16_t port) {
  plain_socket client;
  REQUIRE(client.connect(port) == 0);
  client.send("PING\r\n");
  client.receive();
  return client.received;
}

/// The same over TLS, trusting `authority` and expecting 127.0.0.1.
std::string tls_ping(uint16_t port, const std::filesystem::path& authority) {
  namespace ssl = boost::asio::ssl;
  boost::asio::io_context io;
  ssl::context context{ssl::context::tls_client};
  context.load_verify_file(authority.string());
  ssl::stream<boost::asio::ip::tcp::socket> stream{io, context};
  stream.set_verify_mode(ssl::verify_peer);
  stream.set_verify_callback(ssl::host_name_verification{"127.0.0.1"});
  stream.next_layer().connect({boost::asio::ip::address_v4::loopback(), port});
  stream.handshake(ssl::stream_base::client);
  boost::asio::write(stream, boost::asio::buffer("PING\r\n", 6));
  std::string answer(7, ' ');
  boost::asio::read(stream, boost::asio::buffer(answer));
  return answer;
}

} // namespace

TEST_CASE("a private Redis answers on its port and its socket, and never as root") {
  private_redis server;
  CHECK(server.cli({"set", "k", "a value"}) == "OK");
  CHECK(server.cli({"get", "k"}) == "a value");
  CHECK(server.cli({"get", "other"}) == "(nil)");
  CHECK(server.cli({"incr", "n"}) == "1");
  CHECK(server.cli({"mget", "k", "other", "n"}) == "a value\n(nil)\n1");
  CHECK_THROWS_WITH(server.cli({"incr", "k"}), ContainsSubstring("not an integer"));
  CHECK(plain_ping(server.port()) == "+PONG\r\n");
  CHECK(server.url() == "redis://127.0.0.1:" + std::to_string(server.port()));
  struct stat info {};
  REQUIRE(stat(("/proc/" + std::to_string(server.pid())).c_str(), &info) == 0);
  CHECK(info.st_uid != 0);
}

TEST_CASE("a private Redis leaves no file and no process behind") {
  std::filesystem::path directory;
  pid_t pid = 0;
  {
    private_redis server;
    directory = server.directory();
    pid = server.pid();
    REQUIRE(std::filesystem::exists(directory));
    REQUIRE(is_alive(pid));
  }
  CHECK_FALSE(std::filesystem::exists(directory));
  CHECK_FALSE(is_alive(pid));
}

TEST_CASE("a restarted Redis has the same port and is empty") {
  private_redis server;
  auto port = server.port();
  auto pid = server.pid();
  server.cli({"set", "k", "v"});
  server.restart();
  CHECK(server.port() == port);
  CHECK(server.pid() != pid);
  CHECK(server.cli({"dbsize"}) == "0");
}

TEST_CASE("a killed Redis is gone, and refuses until it is started") {
  private_redis server;
  auto pid = server.pid();
  server.kill();
  CHECK_FALSE(is_alive(pid));
  CHECK_THROWS(server.cli({"ping"}));
  CHECK(plain_socket{}.connect(server.port()) == ECONNREFUSED);
  server.start();
  CHECK(plain_ping(server.port()) == "+PONG\r\n");
}

TEST_CASE("a persistent Redis comes back with its data even when killed") {
  private_redis_options options;
  options.persistent = true;
  private_redis server{options};
  server.cli({"set", "k", "v"});
  server.kill();
  server.start();
  CHECK(server.cli({"get", "k"}) == "v");
}

TEST_CASE("a paused Redis answers when it is resumed, not before") {
  private_redis server;
  server.pause();
  auto answer = std::async(std::launch::async, [&] { return server.cli({"ping"}); });
  CHECK(answer.wait_for(moment) == std::future_status::timeout);
  CHECK_THROWS(server.cli({"ping"}, 50ms));
  server.resume();
  CHECK(answer.get() == "PONG");
}

TEST_CASE("a Redis with a password and users lets them in, and nobody else") {
  private_redis_options options;
  options.password = "p@ss \"word\"";
  options.users = {"alice on >secret ~cache:* +get"};
  private_redis server{options};
  CHECK(server.cli({"ping"}) == "PONG");
  CHECK_THAT(plain_ping(server.port()), ContainsSubstring("NOAUTH"));
  CHECK(server.cli({"auth", "alice", "secret"}) == "OK");
  CHECK_THROWS_WITH(server.cli({"auth", "alice", "wrong"}), ContainsSubstring("WRONGPASS"));
  CHECK(server.url() == "redis://:p%40ss%20%22word%22@127.0.0.1:" + std::to_string(server.port()));
}

TEST_CASE("a Redis with TLS is verified by its authority and refused under another") {
  private_redis_options options;
  options.tls = tls_mode::required;
  private_redis server{options};
  CHECK(server.tls_port() == server.port());
  CHECK(tls_ping(server.port(), server.certificates().authority) == "+PONG\r\n");
  CHECK_THROWS_WITH(tls_ping(server.port(), server.certificates().rogue_authority),
                    ContainsSubstring("certificate verify failed"));
  CHECK_THAT(plain_ping(server.port()), !ContainsSubstring("PONG"));
  CHECK(server.cli({"ping"}) == "PONG");
  CHECK(server.url() == "rediss://127.0.0.1:" + std::to_string(server.port()));
}

TEST_CASE("a Redis that offers TLS has a port for each kind of connection") {
  private_redis_options options;
  options.tls = tls_mode::offered;
  private_redis server{options};
  CHECK(server.tls_port() != server.port());
  CHECK(plain_ping(server.port()) == "+PONG\r\n");
  CHECK(tls_ping(server.tls_port(), server.certificates().authority) == "+PONG\r\n");
  CHECK_THROWS_AS(private_redis{}.tls_port(), std::logic_error);
}

TEST_CASE("settings reach Redis, and one that it refuses is named") {
  private_redis_options options;
  options.settings = {{"maxmemory", "3mb"}};
  CHECK(private_redis{options}.cli({"config", "get", "maxmemory"}) == "maxmemory\n3145728");
  options.settings = {{"no-such-directive", "1"}};
  CHECK_THROWS_WITH(private_redis{options}, ContainsSubstring("the server ended") &&
                                                ContainsSubstring("no-such-directive"));
}
