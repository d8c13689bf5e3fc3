#include "dbs/config/show.hpp"

#include "dbs/config/database_name.hpp"
#include "dbs/config/database_url.hpp"
#include "dbs/config/secret_name.hpp"
#include "dbs/config/setting_value.hpp"

#include <cstdint>
#include <utility>

namespace dbs {

namespace {

/// One part of a URL.
struct part {
  std::string name;
  field::value_type value;
  std::string doc;
};

std::string address_text(const host_port& x) {
  auto host = x.host.find(':') != std::string::npos ? "[" + x.host + "]" : x.host;
  return host + ":" + std::to_string(x.port);
}

std::string hosts_text(const database_target& target) {
  std::string result;
  for (auto& host : target.hosts)
    result += (result.empty() ? "" : ",") + address_text(host);
  return result;
}

std::string parameters_text(const database_target& target) {
  std::string result;
  for (auto& [name, value] : target.parameters)
    result += (result.empty() ? "" : " ") + name + "=" +
              (is_secret_parameter(name) ? "***" : mask_options(value));
  return result;
}

std::vector<part> parts_of(const database_target& target) {
  auto first = target.hosts.empty() ? host_port{} : target.hosts.front();
  return {
      {"host", first.host, "The first server"},
      {"port", int64_t{first.port}, "Its port"},
      {"hosts", hosts_text(target), "All servers, in the order in which they are tried"},
      {"dbname", target.dbname, "The database; empty for the one named like the user"},
      {"user", target.user, "The user; empty for that of the process"},
      {"password", target.password.masked(), "The password, never shown"},
      {"parameters", parameters_text(target), "What else libpq is told"},
  };
}

std::vector<part> parts_of(const redis_target& target) {
  return {
      {"host", target.address.host, "The server"},
      {"port", int64_t{target.address.port}, "Its port"},
      {"tls", target.tls, "Whether the connection is encrypted"},
      {"db", int64_t{target.db}, "The number of the database"},
      {"user", target.user, "The user; empty for the default user"},
      {"password", target.password.masked(), "The password, never shown"},
  };
}

class describer {
public:
  explicit describer(const loaded_settings& settings) : settings_(settings) {}

  void add(const setting_descriptor& row) {
    if (std::holds_alternative<database_url_setting>(row.type))
      add_parts(row, parts_of(database_of(settings_.values, row.database).target));
    else if (std::holds_alternative<redis_url_setting>(row.type))
      add_parts(row, parts_of(settings_.values.redis.target));
    else
      result.push_back({row.key, row.env, setting_value(row, settings_.values),
                        setting_text(row, settings_.values), origin(row), std::string{row.doc},
                        false});
  }

  std::vector<setting_view> result;

private:
  void add_parts(const setting_descriptor& row, std::vector<part> parts) {
    std::string prefix{row.key, 0, row.key.rfind('.') + 1};
    for (auto& x : parts) {
      auto text = to_string(x.value);
      result.push_back({prefix + x.name, row.env, std::move(x.value), std::move(text), origin(row),
                        std::move(x.doc), true});
    }
  }

  std::string origin(const setting_descriptor& row) const {
    auto found = settings_.origins.find(row.key);
    return to_string(found != settings_.origins.end() ? found->second : setting_origin{});
  }

  const loaded_settings& settings_;
};

} // namespace

std::vector<setting_view> describe_settings(const loaded_settings& settings) {
  describer result{settings};
  for (auto& row : setting_table(settings.values))
    result.add(row);
  return std::move(result.result);
}

} // namespace dbs
