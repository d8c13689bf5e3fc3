#include "dbs/testing/servers/private_pgbouncer.hpp"

#include <libpq-fe.h>

#include <fstream>
#include <stdexcept>
#include <utility>

namespace dbs::testing {

namespace fs = std::filesystem;

private_pgbouncer::private_pgbouncer(const private_postgres& server,
                                     private_pgbouncer_options options)
    : private_server("pgbouncer", {"postgres"}, false, true), options_(std::move(options)) {
  program_ = find_in_path("pgbouncer");
  if (program_.empty() && fs::exists("/usr/sbin/pgbouncer"))
    program_ = "/usr/sbin/pgbouncer"; // Debian's; not every user's PATH has it
  if (program_.empty())
    throw std::runtime_error("pgbouncer was not found in PATH: install the package 'pgbouncer'");
  write_configuration(server);
  start();
}

private_pgbouncer::~private_pgbouncer() {
  try {
    kill();
  } catch (const std::exception&) {
    // A process that SIGKILL does not end: the directory's next sweep tries again.
  }
}

void private_pgbouncer::write_configuration(const private_postgres& server) {
  std::map<std::string, std::string> settings{
      {"listen_addr", host()},
      {"listen_port", std::to_string(port())},
      {"unix_socket_dir", ""},
      // Lets everybody in; the connection below says as whom.
      {"auth_type", "any"},
      {"pool_mode", options_.pool_mode},
      {"default_pool_size", std::to_string(options_.pool_size)},
      {"server_connect_timeout", "2"},
      {"server_login_retry", "0.2"},
      {"log_connections", "0"},
      {"log_disconnections", "0"},
  };
  for (const auto& [name, value] : options_.settings)
    settings[name] = value;
  auto path = run_path() / "pgbouncer.ini";
  std::ofstream file{path};
  hand_over(path, fs::perms::owner_read | fs::perms::owner_write);
  file << "[databases]\n* = host=" << server.host() << " port=" << server.port()
       << " user=" << server.options().superuser << "\n[pgbouncer]\n";
  for (const auto& [name, value] : settings)
    file << name << " = " << value << '\n';
  if (!file.flush())
    throw std::runtime_error("cannot write " + path.string());
}

void private_pgbouncer::start(std::chrono::milliseconds within) {
  if (running())
    return;
  launch({.program = program_, .arguments = {(run_path() / "pgbouncer.ini").string()}});
  await_ready("accepting connections", within, [this] {
    auto conninfo = "host=" + host() + " port=" + std::to_string(port()) + " connect_timeout=2";
    return PQping(conninfo.c_str()) == PQPING_OK;
  });
}

} // namespace dbs::testing
