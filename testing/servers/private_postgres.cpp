#include "dbs/testing/servers/private_postgres.hpp"

#include "dbs/testing/servers/internal/libpq_session.hpp"
#include "dbs/testing/servers/internal/percent_encode.hpp"
#include "dbs/testing/servers/internal/postgres_programs.hpp"

#include <sys/shm.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace dbs::testing {

namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

/// What every cluster has.
constexpr const char* maintenance_database = "postgres";

std::string doubled(const std::string& text, char quote) {
  std::string result{quote};
  for (char c : text) {
    if (c == quote)
      result += c;
    result += c;
  }
  return result + quote;
}

/// A value of postgresql.conf, where backslashes escape as well.
std::string quoted_setting(const std::string& text) {
  std::string escaped;
  for (char c : text) {
    if (c == '\n')
      throw std::runtime_error("a PostgreSQL setting cannot hold a newline");
    if (c == '\\')
      escaped += c;
    escaped += c;
  }
  return doubled(escaped, '\'');
}

/// postmaster.pid: 1 pid, 2 data directory, 3 start time, 4 port, 5 socket
/// directory, 6 address, 7 key and id of the shared memory, 8 status
/// (PostgreSQL, src/include/utils/pidfile.h).
struct postmaster_file {
  pid_t pid = 0;
  int shared_memory = -1;
  std::string status;

  explicit postmaster_file(const fs::path& path) {
    std::ifstream in{path};
    std::string line;
    for (int number = 1; std::getline(in, line); ++number) {
      std::istringstream fields{line};
      unsigned long key = 0;
      if (number == 1)
        fields >> pid;
      else if (number == 7)
        fields >> key >> shared_memory;
      else if (number == 8)
        fields >> status;
    }
  }
};

} // namespace

private_postgres::private_postgres(private_postgres_options options)
    : private_server("postgres", {"postgres"}, options.tls != tls_mode::off, options.in_memory),
      options_(std::move(options)) {
  auto programs = internal::find_postgres_programs();
  program_ = programs / "postgres";
  auto from = internal::postgres_template(programs, options_.superuser, run_as());
  internal::copy_template(from, data_path(), run_as());
  write_configuration();
  start();
  if (options_.database != maintenance_database)
    run(maintenance_database, "create database " + doubled(options_.database, '"'),
        default_patience);
  if (!options_.password.empty())
    psql("alter role " + doubled(options_.superuser, '"') + " password " +
         doubled(options_.password, '\''));
}

private_postgres::~private_postgres() {
  try {
    kill();
    remove_remains();
  } catch (const std::exception&) {
    // A process that SIGKILL does not end: the directory's next sweep tries again.
  }
}

std::string private_postgres::url(const std::string& database) const {
  using internal::percent_encode;
  auto user = percent_encode(options_.superuser);
  if (!options_.password.empty())
    user += ":" + percent_encode(options_.password);
  return "postgresql://" + user + "@" + host() + ":" + std::to_string(port()) + "/" +
         percent_encode(database);
}

void private_postgres::write_configuration() {
  std::map<std::string, std::string> settings{
      {"listen_addresses", host()},
      {"port", std::to_string(port())},
      {"unix_socket_directories", run_path().string()},
      {"max_connections", std::to_string(options_.max_connections)},
      {"shared_buffers", "16MB"},
      {"max_wal_size", "256MB"},
      // What is written reaches the kernel at once, the disk never mind when: a kill of
      // all processes loses nothing.
      {"fsync", "off"},
      {"full_page_writes", "off"},
      // Files of the data directory instead of /dev/shm: a killed server leaves
      // nothing outside.
      {"dynamic_shared_memory_type", "mmap"},
      {"password_encryption", "scram-sha-256"},
      {"log_line_prefix", "%m [%p] "},
      {"lc_messages", "C"},
  };
  std::string host_keyword = "host";
  if (options_.tls != tls_mode::off) {
    settings["ssl"] = "on";
    settings["ssl_ca_file"] = certificates().authority.string();
    settings["ssl_cert_file"] = certificates().certificate.string();
    settings["ssl_key_file"] = certificates().key.string();
    if (options_.tls == tls_mode::required)
      host_keyword = "hostssl";
  }
  for (const auto& [name, value] : options_.settings)
    settings[name] = value;
  auto conf = data_path() / "postgresql.conf";
  std::ofstream conf_file{conf};
  for (const auto& [name, value] : settings)
    conf_file << name << " = " << quoted_setting(value) << '\n';
  auto hba = data_path() / "pg_hba.conf";
  std::ofstream hba_file{hba};
  hba_file << "local all " << doubled(options_.superuser, '"') << " trust\n";
  for (const auto& line : options_.hba_lines)
    hba_file << line << '\n';
  hba_file << host_keyword << " all all 127.0.0.1/32 "
           << (options_.password.empty() ? "trust" : "scram-sha-256") << '\n';
  hba_file << "local replication " << doubled(options_.superuser, '"') << " trust\n";
  if (!conf_file.flush() || !hba_file.flush())
    throw std::runtime_error("cannot write the configuration of the private PostgreSQL in " +
                             data_path().string());
}

void private_postgres::start(std::chrono::milliseconds within) {
  if (running())
    return;
  auto deadline = steady_clock::now() + within;
  kill();
  remove_remains();
  // SIGQUIT makes the main process end its backends before itself, however busy.
  launch({.program = program_, .arguments = {"-D", data_path().string()}, .death_signal = SIGQUIT});
  await_ready("accepting connections", within, [this] {
    postmaster_file file{data_path() / "postmaster.pid"};
    return file.pid == pid() && file.status == "ready";
  });
  wait_accepting(std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now()));
}

void private_postgres::stop(postgres_stop mode, std::chrono::milliseconds within) {
  constexpr int signals[] = {SIGTERM, SIGINT, SIGQUIT};
  end_with(signals[static_cast<size_t>(mode)], within);
}

void private_postgres::wait_accepting(std::chrono::milliseconds within) const {
  await_ready("answering queries", within, [this] {
    try {
      run(maintenance_database, "select 1", std::chrono::seconds{1});
      return true;
    } catch (const std::runtime_error&) {
      return false;
    }
  });
}

std::string private_postgres::psql(const std::string& sql, std::chrono::milliseconds within) const {
  return run(options_.database, sql, within);
}

std::string private_postgres::run(const std::string& database, const std::string& sql,
                                  std::chrono::milliseconds within) const {
  internal::libpq_session session{{{"host", run_path().string()},
                                   {"port", std::to_string(port())},
                                   {"user", options_.superuser},
                                   {"dbname", database},
                                   {"application_name", "private_postgres"},
                                   {"client_encoding", "UTF8"}},
                                  steady_clock::now() + within};
  return session.execute(sql);
}

void private_postgres::remove_remains() {
  // A server that was killed could not tidy up: its shared memory segment stays for
  // ever, and its lock files would keep it from starting if a new process got the
  // old number. The segment's count of users says that nobody is left.
  auto lock_file = data_path() / "postmaster.pid";
  postmaster_file file{lock_file};
  shmid_ds segment{};
  if (file.shared_memory >= 0 && shmctl(file.shared_memory, IPC_STAT, &segment) == 0) {
    uid_t owner = run_as() ? run_as()->uid : geteuid();
    if (segment.shm_perm.uid != owner || segment.shm_nattch > 0)
      return;
    shmctl(file.shared_memory, IPC_RMID, nullptr);
  }
  std::error_code ignored;
  fs::remove(lock_file, ignored);
  fs::remove(run_path() / (".s.PGSQL." + std::to_string(port()) + ".lock"), ignored);
}

} // namespace dbs::testing
