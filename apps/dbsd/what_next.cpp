#include "what_next.hpp"

#include <fmt/core.h>

#include <cstdio>
#include <filesystem>

namespace dbs {

void print_what_next(const database_services& services,
                     const std::vector<std::pair<std::string, std::string>>& urls,
                     const std::string& sql) {
  auto url = fmt::format("http://{}:{}", services.configuration().values.http.address,
                         services.http_port());
  // It lies beside this program.
  auto directory = std::filesystem::read_symlink("/proc/self/exe").parent_path().string();
  auto ctl = fmt::format("{}/dbsctl --socket {}", directory, services.socket_path());
  fmt::print("\n");
  for (auto& [key, value] : urls)
    fmt::print("{:<13} {}\n", key, value);
  fmt::print("{:<13} {}\n{:<13} {}\n", "http", url, "http.socket", services.socket_path());
  fmt::print("\ntry next:\n"
             "  curl -s {0}/health/database-services | jq .overall.status\n"
             "  curl -s {0}/health/database | jq .response_time_ms\n"
             "  curl -s {0}/metrics | grep dbs_postgres_pool\n"
             "  {1} tree\n"
             "  {1} stats pool\n"
             "  {1} sql {2}\n"
             "  {1} pool resize 30\n",
             url, ctl, sql);
  std::fflush(stdout);
}

} // namespace dbs
