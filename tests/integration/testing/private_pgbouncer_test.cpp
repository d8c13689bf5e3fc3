#include "dbs/testing/servers/private_pgbouncer.hpp"

#include <catch2/catch_test_macros.hpp>

#include <libpq-fe.h>

#include <memory>

using namespace dbs::testing;

namespace {

struct closer {
  void operator()(PGconn* x) const { PQfinish(x); }
  void operator()(PGresult* x) const { PQclear(x); }
};

std::string ask(const private_pgbouncer& pooler, const char* sql) {
  auto conninfo = "host=" + pooler.host() + " port=" + std::to_string(pooler.port()) +
                  " dbname=postgres user=whoever connect_timeout=5";
  std::unique_ptr<PGconn, closer> conn{PQconnectdb(conninfo.c_str())};
  if (PQstatus(conn.get()) != CONNECTION_OK)
    return "no connection";
  std::unique_ptr<PGresult, closer> rows{PQexec(conn.get(), sql)};
  return PQntuples(rows.get()) == 1 ? PQgetvalue(rows.get(), 0, 0) : "no row";
}

} // namespace

TEST_CASE("a private PgBouncer lets everybody in as its server's superuser") {
  private_postgres server;
  private_pgbouncer pooler{server};
  CHECK(ask(pooler, "select current_user") == server.options().superuser);
  // and comes back on the same port
  auto port = pooler.port();
  pooler.kill();
  CHECK(ask(pooler, "select 1") == "no connection");
  pooler.start();
  CHECK(pooler.port() == port);
  CHECK(ask(pooler, "select 1") == "1");
}
