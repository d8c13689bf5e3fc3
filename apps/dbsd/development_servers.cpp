#include "development_servers.hpp"

#include "dbs/config/database_name.hpp"

#include <fmt/core.h>

#include <random>

namespace dbs {

namespace {

/// 128 bits from the system's generator.
std::string random_password() {
  std::random_device random;
  std::string result;
  for (int i = 0; i < 4; ++i)
    result += fmt::format("{:08x}", random());
  return result;
}

bool nobody_gave(const loaded_settings& given, std::string_view key) {
  return given.origins.find(key)->second.source == setting_source::builtin;
}

} // namespace

development_servers::development_servers(const loaded_settings& given,
                                         const std::stop_token& stop) {
  for (auto& name : database_names(given.values)) {
    auto key = database_group(name) + ".url";
    if (!nobody_gave(given, key) || stop.stop_requested())
      continue;
    if (!postgres_) {
      testing::private_postgres_options options;
      options.database = "dbs";
      options.password = random_password();
      postgres_.emplace(std::move(options));
    }
    auto database = name.empty() ? "dbs" : "dbs_" + name;
    if (!name.empty())
      postgres_->psql("create database " + database);
    databases_.emplace_back(key, postgres_->url(database));
  }
  if (nobody_gave(given, "redis.url") && !stop.stop_requested()) {
    testing::private_redis_options options;
    options.password = random_password();
    redis_.emplace(std::move(options));
  }
}

std::vector<std::pair<std::string, std::string>> development_servers::settings() const {
  auto result = urls();
  result.emplace_back("http.socket", (directory_.path() / "dbsd.sock").string());
  return result;
}

std::vector<std::pair<std::string, std::string>> development_servers::urls() const {
  auto result = databases_;
  if (redis_)
    result.emplace_back("redis.url", redis_->url());
  return result;
}

} // namespace dbs
