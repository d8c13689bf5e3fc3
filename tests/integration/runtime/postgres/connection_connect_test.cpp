#include "integration/runtime/postgres/connection_scene.hpp"

#include "dbs/testing/eventually.hpp"

#include <boost/asio/ip/tcp.hpp>

using namespace dbs;
using namespace dbs::testing;

namespace {

/// Accepts connections in the kernel and never says a word.
class silent_listener {
public:
  explicit silent_listener(loop_context& io)
      : acceptor_(io, {boost::asio::ip::address_v4::loopback(), 0}) {
    acceptor_.non_blocking(true);
  }

  uint16_t port() const { return acceptor_.local_endpoint().port(); }

  /// Whether somebody has connected and waits.
  bool met() {
    boost::system::error_code ec;
    boost::asio::ip::tcp::socket peer{acceptor_.get_executor()};
    acceptor_.accept(peer, ec);
    if (!ec)
      peers_.push_back(std::move(peer));
    return !peers_.empty();
  }

private:
  boost::asio::ip::tcp::acceptor acceptor_;
  std::vector<boost::asio::ip::tcp::socket> peers_;
};

template <class F>
private_postgres_options with(F&& change) {
  private_postgres_options result;
  change(result);
  return result;
}

/// Answers what it was told to, or never.
class scripted_resolver : public resolver {
public:
  scripted_resolver(loop_context& io, std::vector<std::string> addresses)
      : io_(io), addresses_(std::move(addresses)) {}

  void resolve(const std::string&, callback done) override {
    if (!addresses_.empty())
      io_.post([this, done] { done(addresses_); });
  }

private:
  loop_context& io_;
  std::vector<std::string> addresses_;
};

} // namespace

TEST_CASE("a session over TCP and one over the socket are ready for work") {
  private_postgres server;
  connection_loop loop;
  auto tcp = settings_for(server);
  tcp.statement_timeout = 2500ms;
  auto socket = settings_for(server);
  socket.target.hosts[0].host = server.socket_directory();
  socket.target.parameters = {{"application_name", "shop"}};
  observed_connection a{loop, tcp};
  observed_connection b{loop, socket};
  // when
  a.start();
  b.open();
  loop.run_until([&] { return a.connected == 1; });
  // then
  CHECK(a->endpoint() == "127.0.0.1:" + std::to_string(server.port()));
  CHECK(b->endpoint() ==
        server.socket_directory().string() + "/.s.PGSQL." + std::to_string(server.port()));
  CHECK(a->status() == postgres::transaction_status::idle);
  CHECK(a.value("select pg_backend_pid()") == std::to_string(a->backend_pid()));
  CHECK(a.value("select current_setting('application_name')") == "dbs");
  CHECK(b.value("select current_setting('application_name')") == "shop");
  CHECK(a.value("select current_setting('client_encoding')") == "UTF8");
  CHECK(a.value("select current_setting('statement_timeout')") == "2500ms");
  CHECK_FALSE(a->dirty());
}

TEST_CASE("a port on which nobody listens is named in the error") {
  connection_loop loop;
  free_port port;
  database_settings cfg;
  cfg.target.hosts = {{"127.0.0.1", port.number()}, {"/nowhere", 5432}};
  observed_connection conn{loop, cfg};
  auto err = conn.open_error();
  CHECK(err == errc::connection_lost);
  auto first = "connection refused at 127.0.0.1:" + std::to_string(port.number());
  CHECK(field_of(err, "attempt.1") == first);
  CHECK(field_of(err, "attempt.2") == "no such file or directory at /nowhere/.s.PGSQL.5432");
  CHECK(detail(err).what == first + "; " + field_of(err, "attempt.2"));
  CHECK(field_of(err, "host") == "/nowhere");
  CHECK(detail(err).sqlstate.empty());
}

TEST_CASE("a wrong password is reported with its SQLSTATE, without the password, at once") {
  private_postgres server{with([](auto& x) { x.password = "right-one"; })};
  connection_loop loop;
  auto cfg = settings_for(server);
  cfg.target.hosts.push_back(cfg.target.hosts[0]);
  cfg.target.password = secret{"wrong-one"};
  observed_connection conn{loop, cfg};
  auto err = conn.open_error();
  CHECK(err == errc::connection_lost);
  CHECK(detail(err).sqlstate == "28P01");
  CHECK(detail(err).what == "password authentication failed for user \"postgres\" at 127.0.0.1:" +
                                std::to_string(server.port()));
  CHECK(field_of(err, "port") == std::to_string(server.port()));
  CHECK(to_string(err).find("wrong-one") == std::string::npos);
  // The other host would say the same, and count against the account once more.
  CHECK(field_of(err, "attempt.2").empty());
  // The right one gets in, by SCRAM.
  observed_connection other{loop, settings_for(server)};
  other.open();
}

TEST_CASE("an unknown database is reported with its SQLSTATE") {
  private_postgres server;
  connection_loop loop;
  auto cfg = settings_for(server);
  cfg.target.dbname = "nowhere";
  observed_connection conn{loop, cfg};
  auto err = conn.open_error();
  CHECK(detail(err).sqlstate == "3D000");
  CHECK(detail(err).what.find("database \"nowhere\" does not exist at 127.0.0.1:") == 0);
}

TEST_CASE("a full server is reported with its SQLSTATE") {
  private_postgres server{with([](auto& x) {
    x.max_connections = 4;
    x.settings = {{"superuser_reserved_connections", "3"}};
  })};
  server.psql("create role guest login");
  connection_loop loop;
  auto cfg = settings_for(server);
  cfg.target.user = "guest";
  // The session that made the role may still hold the one place.
  std::unique_ptr<observed_connection> a;
  REQUIRE(testing::eventually([&] {
    a = std::make_unique<observed_connection>(loop, cfg);
    a->start();
    loop.run_until([&] { return a->connected > 0 || a->connect_error; });
    return a->connected == 1;
  }));
  observed_connection b{loop, cfg};
  CHECK(detail(b.open_error()).sqlstate == "53300");
}

TEST_CASE("a parameter that libpq does not know is a configuration error") {
  connection_loop loop;
  database_settings cfg;
  cfg.target.hosts = {{"127.0.0.1", 5432}};
  cfg.target.parameters = {{"frobnicate", "1"}};
  observed_connection conn{loop, cfg};
  CHECK(conn.open_error() == errc::config_invalid);
  observed_connection nowhere{loop, {}};
  CHECK(nowhere.open_error() == errc::config_invalid);
}

TEST_CASE("a host that hangs costs its deadline, and the next one is tried") {
  // given
  private_postgres server;
  connection_loop loop;
  silent_listener hung{loop.io()};
  auto cfg = settings_for(server);
  cfg.target.hosts.insert(cfg.target.hosts.begin(), {"127.0.0.1", hung.port()});
  cfg.connect_timeout = 1h;
  observed_connection conn{loop, cfg};
  conn.start();
  loop.run_until([&] { return hung.met(); });
  loop.advance(59min);
  loop.settle();
  CHECK(conn.calls == 0);
  // when
  loop.advance(1min);
  // then
  loop.run_until([&] { return conn.connected == 1; });
  CHECK(conn->endpoint() == "127.0.0.1:" + std::to_string(server.port()));
}

TEST_CASE("the error of a host that hangs says how long it was given") {
  connection_loop loop;
  silent_listener hung{loop.io()};
  database_settings cfg;
  cfg.target.hosts = {{"127.0.0.1", hung.port()}};
  cfg.connect_timeout = 1500ms;
  observed_connection conn{loop, cfg};
  conn.start();
  loop.run_until([&] { return hung.met(); });
  loop.advance(1500ms);
  REQUIRE(conn.connect_error == errc::connection_lost);
  CHECK(detail(conn.connect_error).what ==
        "no answer within 1500 ms at 127.0.0.1:" + std::to_string(hung.port()));
}

TEST_CASE("all addresses of a name are tried, and one that hangs leaves time for the others") {
  // given a name whose first address refuses and whose second hangs
  private_postgres server;
  connection_loop loop;
  boost::asio::ip::tcp::acceptor hung{loop.io(),
                                      {boost::asio::ip::make_address("127.0.0.3"), server.port()}};
  hung.non_blocking(true);
  loop.use_resolver(std::make_unique<scripted_resolver>(
      loop.io(), std::vector<std::string>{"127.0.0.2", "127.0.0.3", "127.0.0.1"}));
  auto cfg = settings_for(server);
  cfg.target.hosts[0].host = "db.example";
  cfg.connect_timeout = 1h;
  observed_connection conn{loop, cfg};
  conn.start();
  boost::asio::ip::tcp::socket peer{loop.io()};
  loop.run_until([&] {
    boost::system::error_code ec;
    hung.accept(peer, ec);
    return !ec;
  });
  // when half of the time that was left has passed
  loop.advance(31min);
  // then
  loop.run_until([&] { return conn.connected == 1; });
  CHECK(conn->endpoint() == "db.example:" + std::to_string(server.port()));
}

TEST_CASE("a name server that does not answer costs no more than the host's deadline") {
  connection_loop loop;
  loop.use_resolver(std::make_unique<scripted_resolver>(loop.io(), std::vector<std::string>{}));
  database_settings cfg;
  cfg.target.hosts = {{"db.example", 5432}};
  cfg.connect_timeout = 1h;
  observed_connection conn{loop, cfg};
  conn.start();
  loop.settle();
  CHECK(conn.calls == 0);
  loop.advance(1h);
  CHECK(detail(conn.connect_error).what ==
        "no answer from name resolution within 3600 s at db.example:5432");
}

TEST_CASE("a name that does not resolve is named, and the next host is tried") {
  private_postgres server;
  connection_loop loop;
  auto cfg = settings_for(server);
  cfg.target.hosts = {{"no-such-host.invalid", 5432}};
  observed_connection alone{loop, cfg};
  CHECK(detail(alone.open_error()).what.find("no-such-host.invalid") != std::string::npos);
  cfg.target.hosts.push_back({"localhost", server.port()});
  observed_connection both{loop, cfg};
  both.open();
}

TEST_CASE("TLS is verified up to the host name") {
  private_postgres server{with([](auto& x) { x.tls = tls_mode::required; })};
  connection_loop loop;
  auto cfg = settings_for(server);
  auto& files = server.certificates();
  SECTION("the right authority is trusted") {
    cfg.target.parameters = {{"sslmode", "verify-full"}, {"sslrootcert", files.authority}};
    observed_connection conn{loop, cfg};
    conn.open();
    CHECK(conn.value("select ssl from pg_stat_ssl where pid = pg_backend_pid()") == "t");
    // Enough to fill buffers in both directions.
    CHECK(conn.value("select length($1::text)", std::string(4'000'000, 'x')) == "4000000");
    CHECK(conn.value("select repeat('y', 4000000)").size() == 4'000'000);
  }
  SECTION("a rogue authority is refused") {
    cfg.target.parameters = {{"sslmode", "verify-full"}, {"sslrootcert", files.rogue_authority}};
    observed_connection conn{loop, cfg};
    auto err = conn.open_error();
    CHECK(err == errc::connection_lost);
    CHECK(detail(err).what.find("certificate verify failed at 127.0.0.1:") != std::string::npos);
  }
  SECTION("a name that is not in the certificate is refused") {
    loop.use_resolver(
        std::make_unique<scripted_resolver>(loop.io(), std::vector<std::string>{"127.0.0.1"}));
    cfg.target.hosts[0].host = "db.example";
    cfg.target.parameters = {{"sslmode", "verify-full"}, {"sslrootcert", files.authority}};
    observed_connection conn{loop, cfg};
    CHECK(detail(conn.open_error()).what.find("does not match host name \"db.example\"") !=
          std::string::npos);
  }
}

TEST_CASE("each sslmode encrypts and verifies what it says, or is refused") {
  private_postgres server{with([](auto& x) { x.tls = tls_mode::required; })};
  connection_loop loop;
  auto cfg = settings_for(server);
  auto& files = server.certificates();
  auto encrypted = [&](observed_connection& conn) {
    conn.open();
    return conn.value("select ssl and version like 'TLSv1.%' and bits >= 128 from pg_stat_ssl "
                      "where pid = pg_backend_pid()") == "t";
  };
  SECTION("prefer and require encrypt, whoever the server is") {
    for (auto* mode : {"prefer", "require"}) {
      cfg.target.parameters = {{"sslmode", mode}};
      observed_connection conn{loop, cfg};
      CHECK(encrypted(conn));
    }
  }
  SECTION("verify-ca wants to know the authority, but not the name") {
    loop.use_resolver(
        std::make_unique<scripted_resolver>(loop.io(), std::vector<std::string>{"127.0.0.1"}));
    cfg.target.hosts[0].host = "db.example";
    cfg.target.parameters = {{"sslmode", "verify-ca"}, {"sslrootcert", files.authority}};
    observed_connection conn{loop, cfg};
    CHECK(encrypted(conn));
    cfg.target.parameters = {{"sslmode", "verify-ca"}, {"sslrootcert", files.rogue_authority}};
    observed_connection misled{loop, cfg};
    CHECK(detail(misled.open_error()).what.find("certificate verify failed at db.example:") !=
          std::string::npos);
  }
  SECTION("disable is refused by a server that wants TLS") {
    cfg.target.parameters = {{"sslmode", "disable"}};
    observed_connection conn{loop, cfg};
    auto err = conn.open_error();
    CHECK(err == errc::connection_lost);
    CHECK(detail(err).sqlstate == "28000");
    CHECK(detail(err).what.find("no encryption at 127.0.0.1:") != std::string::npos);
  }
}

TEST_CASE("a server that only offers TLS is reached without it, if that is asked for") {
  private_postgres server{with([](auto& x) { x.tls = tls_mode::offered; })};
  connection_loop loop;
  auto cfg = settings_for(server);
  auto encryption = [&](const char* mode) {
    cfg.target.parameters = {{"sslmode", mode}};
    observed_connection conn{loop, cfg};
    conn.open();
    return conn.value("select ssl from pg_stat_ssl where pid = pg_backend_pid()");
  };
  CHECK(encryption("disable") == "f");
  CHECK(encryption("require") == "t");
}

TEST_CASE("a server without TLS is refused where it is required") {
  private_postgres server;
  connection_loop loop;
  auto cfg = settings_for(server);
  cfg.target.parameters = {{"sslmode", "require"}};
  observed_connection conn{loop, cfg};
  auto err = conn.open_error();
  CHECK(err == errc::connection_lost);
  CHECK(detail(err).what.find("server does not support SSL") != std::string::npos);
}

TEST_CASE("the role of a session is checked") {
  private_postgres reader{with([](auto& x) {
    x.settings = {{"default_transaction_read_only", "on"}};
  })};
  private_postgres writer;
  connection_loop loop;
  auto cfg = settings_for(reader);
  cfg.target.hosts.push_back({writer.host(), writer.port()});
  auto endpoint_with = [&](const char* role) {
    cfg.target.parameters = {{"target_session_attrs", role}};
    observed_connection conn{loop, cfg};
    conn.open();
    return conn->endpoint();
  };
  auto first = "127.0.0.1:" + std::to_string(reader.port());
  auto second = "127.0.0.1:" + std::to_string(writer.port());
  CHECK(endpoint_with("any") == first);
  CHECK(endpoint_with("primary") == first);
  CHECK(endpoint_with("read-only") == first);
  CHECK(endpoint_with("read-write") == second);
  CHECK(endpoint_with("prefer-standby") == first); // there is none, so any will do
  cfg.target.parameters = {{"target_session_attrs", "standby"}};
  observed_connection conn{loop, cfg};
  CHECK(field_of(conn.open_error(), "attempt.2") ==
        "the server is not in hot standby mode at " + second);
}

TEST_CASE("a connection can be destroyed at any point of its connect") {
  private_postgres server{with([](auto& x) { x.password = "p"; })};
  connection_loop loop;
  auto cfg = settings_for(server);
  cfg.target.hosts[0].host = "db.example";
  loop.use_resolver(
      std::make_unique<scripted_resolver>(loop.io(), std::vector<std::string>{"127.0.0.1"}));
  // given a connect that is cut off after more and more of its work
  for (int turns = 0;; ++turns) {
    observed_connection conn{loop, cfg};
    conn.start();
    auto left = turns;
    loop.run_until([&] { return left-- == 0 || conn.connected > 0; });
    auto done = conn.connected > 0;
    // when
    conn.destroy();
    // then
    loop.settle();
    CHECK(conn.calls == (done ? 1 : 0));
    CHECK(loop.timers().size() == 0);
    if (done) {
      CHECK(turns > 3);
      break;
    }
  }
}
