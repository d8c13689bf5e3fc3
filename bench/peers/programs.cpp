#include "peers/programs.hpp"

#include "peers/kv.hpp"

#include "dbs/testing/servers/process.hpp"
#include "dbs/testing/servers/temporary_directory.hpp"

#include <fmt/core.h>

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace dbs::bench {

namespace {

/// What a program takes beyond the window.
constexpr std::chrono::seconds overhead_limit{30};

/// The interpreter of Debian, by its path: the packages python3-asyncpg, python3-redis and
/// python3-uvloop belong to it, and another python3 in PATH does not see them.
constexpr const char* debians_python = "/usr/bin/python3";

std::filesystem::path program(const std::string& name) {
  auto path = testing::find_in_path(name);
  if (path.empty())
    throw std::runtime_error("there is no program '" + name + "'");
  return path;
}

std::string seconds(std::chrono::milliseconds x) {
  return fmt::format("{}", std::chrono::duration<double>{x}.count());
}

std::string run(const std::filesystem::path& what, std::vector<std::string> arguments, window how) {
  testing::temporary_directory directory{"peer"};
  return testing::run_program(
      {.program = what, .arguments = std::move(arguments), .output = directory.path() / "output"},
      how.warm_up + how.counted + overhead_limit);
}

/// Runs a script of this folder, which prints its rate in its last line.
double run_script(const std::filesystem::path& interpreter, const std::string& script,
                  std::vector<std::string> arguments, window how, int rows = kv_rows) {
  arguments.insert(arguments.begin(), std::string{DBS_BENCH_PEERS "/"} + script);
  arguments.insert(arguments.end(),
                   {std::to_string(rows), seconds(how.warm_up), seconds(how.counted)});
  return std::stod(testing::tail(run(interpreter, std::move(arguments), how), 1));
}

double run_script(const std::filesystem::path& interpreter, const std::string& script,
                  const program_load& load) {
  return run_script(interpreter, script,
                    {load.server.socket_directory().string(), std::to_string(load.server.port()),
                     std::to_string(load.connections), std::to_string(load.callers)},
                    load.how);
}

} // namespace

std::chrono::duration<double> psql_copy(const testing::private_postgres& server,
                                        const std::string& table,
                                        const std::filesystem::path& file) {
  auto output = run(program("psql"),
                    {"-X", "-h", server.socket_directory().string(), "-p",
                     std::to_string(server.port()), "-U", "postgres", "-d", "postgres", "-c",
                     "\\timing on", "-c", fmt::format("\\copy {} from '{}'", table, file.string())},
                    {});
  double milliseconds = 0;
  auto time = output.rfind("Time: ");
  if (time == std::string::npos ||
      std::sscanf(output.c_str() + time, "Time: %lf ms", &milliseconds) != 1)
    throw std::runtime_error("psql told no time:\n" + testing::tail(output));
  return std::chrono::duration<double, std::milli>{milliseconds};
}

double asyncpg_pool(const program_load& load) {
  return run_script(debians_python, "asyncpg_pool.py", load);
}

double node_postgres_pool(const program_load& load) {
  return run_script(program("node"), "node_postgres.mjs", load);
}

double ioredis(const std::string& host, uint16_t port, int callers, window how) {
  return run_script(program("node"), "ioredis.mjs",
                    {host, std::to_string(port), std::to_string(callers)}, how);
}

double python_stack(const char* loop, const char* mode, const std::string& redis_host,
                    uint16_t redis_port, const testing::private_postgres& postgres, int callers,
                    int rows, window how) {
  return run_script(debians_python, "redis_asyncio.py",
                    {loop, mode, redis_host, std::to_string(redis_port),
                     postgres.socket_directory().string(), std::to_string(postgres.port()),
                     std::to_string(callers)},
                    how, rows);
}

double pgbench(const program_load& load) {
  testing::temporary_directory directory{"pgbench"};
  auto script = directory.path() / "select.sql";
  std::ofstream{script} << fmt::format("\\set k random(1, {})\n"
                                       "SELECT v FROM kv WHERE k = :k;\n",
                                       kv_rows);
  // It knows whole seconds only. Its progress lines, one a second, let us leave out
  // those of the warm-up.
  auto warm_up = std::chrono::ceil<std::chrono::seconds>(load.how.warm_up);
  auto counted = std::chrono::ceil<std::chrono::seconds>(load.how.counted);
  auto output = run(program("pgbench"),
                    {"-n",
                     "-M",
                     "prepared",
                     "-j",
                     "1",
                     "-P",
                     "1",
                     "-f",
                     script.string(),
                     "-c",
                     std::to_string(load.connections),
                     "-T",
                     std::to_string((warm_up + counted).count()),
                     "-h",
                     load.server.socket_directory().string(),
                     "-p",
                     std::to_string(load.server.port()),
                     "-U",
                     "postgres",
                     "postgres"},
                    load.how);
  std::istringstream lines{output};
  double sum = 0;
  auto count = 0;
  for (std::string line; std::getline(lines, line);) {
    double at = 0;
    double rate = 0;
    if (std::sscanf(line.c_str(), "progress: %lf s, %lf tps", &at, &rate) != 2)
      continue;
    if (at < static_cast<double>(warm_up.count()) + 0.5)
      continue;
    sum += rate;
    ++count;
  }
  if (count == 0)
    throw std::runtime_error("pgbench told no rate:\n" + testing::tail(output));
  return sum / count;
}

} // namespace dbs::bench
