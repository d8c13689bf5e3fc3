#include "figures/dbsd_process.hpp"

#include "dbs/testing/eventually.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <fmt/core.h>

#include <fstream>
#include <stdexcept>

namespace dbs::bench {

namespace {

using namespace std::chrono_literals;

testing::process_options options(std::vector<std::string> arguments,
                                 const std::filesystem::path& directory, uint16_t port) {
  auto set = [&arguments](const std::string& setting) {
    arguments.insert(arguments.end(), {"--set", setting});
  };
  set(fmt::format("http.port={}", port));
  set(fmt::format("http.socket={}", (directory / "dbsd.sock").string()));
  return {.program = DBS_BIN_DIR "/dbsd",
          .arguments = std::move(arguments),
          .output = directory / "output"};
}

/// The status of GET `path`; 0 if nobody answers.
int http_status(uint16_t port, const std::string& path) {
  boost::asio::ip::tcp::iostream stream;
  stream.expires_after(1s);
  stream.connect("127.0.0.1", std::to_string(port));
  stream << "GET " << path << " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
         << std::flush;
  std::string version;
  auto status = 0;
  stream >> version >> status;
  return stream ? status : 0;
}

} // namespace

dbsd_process::dbsd_process(std::vector<std::string> arguments)
    : process_(options(std::move(arguments), directory_.path(), port_.number())) {}

void dbsd_process::wait_ready() {
  auto ready = [this] { return http_status(port_.number(), "/health/ready") == 200; };
  if (!testing::eventually([&] { return !process_.running() || ready(); }, 30s, 1ms))
    fail("it is not ready after 30 s");
  if (!process_.running())
    fail("it ended");
}

double dbsd_process::memory_mib(const std::string& line) const {
  std::ifstream status{fmt::format("/proc/{}/status", process_.pid())};
  for (std::string word; status >> word;)
    if (word == line + ":") {
      double kib = 0;
      status >> kib;
      return kib / 1024;
    }
  return 0;
}

void dbsd_process::fail(const std::string& what) const {
  throw std::runtime_error("dbsd: " + what + "; it wrote:\n" +
                           testing::tail(testing::read_file(directory_.path() / "output")));
}

} // namespace dbs::bench
