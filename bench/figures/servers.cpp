#include "figures/servers.hpp"

#include "peers/kv.hpp"

#include <fmt/core.h>

namespace dbs::bench {

namespace {

testing::private_postgres_options postgres_options() {
  testing::private_postgres_options result;
  result.settings = {{"shared_buffers", "128MB"}, {"autovacuum", "off"}};
  return result;
}

} // namespace

servers::servers() : postgres_(postgres_options()) {
  postgres_.psql("CREATE TABLE kv (k int PRIMARY KEY, v text NOT NULL)");
  postgres_.psql(fmt::format("INSERT INTO kv SELECT i, rpad(i::text, 100, 'x') "
                             "FROM generate_series(1, {}) i",
                             kv_rows));
  postgres_.psql("VACUUM ANALYZE kv");
  postgres_.psql("CREATE EXTENSION pg_prewarm");
  postgres_.psql("SELECT pg_prewarm('kv'), pg_prewarm('kv_pkey')");
}

std::string servers::conninfo() const {
  return fmt::format("host={} port={} user=postgres dbname=postgres",
                     postgres_.socket_directory().string(), postgres_.port());
}

std::vector<std::pair<std::string, std::string>> servers::settings() const {
  return {{"database.url", fmt::format("postgresql://postgres@/postgres?host={}&port={}",
                                       postgres_.socket_directory().string(), postgres_.port())},
          {"redis.url", redis_.url()},
          {"log.level", "warning"}};
}

} // namespace dbs::bench
