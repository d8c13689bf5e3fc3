// Where the lines of a log go, and what becomes of those that cannot be written.
#include "unit/runtime/observe/log_fixture.hpp"

#include "dbs/testing/servers/process.hpp"
#include "dbs/testing/servers/temporary_directory.hpp"

#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace dbs::observe;
using dbs::testing::read_file;
using nlohmann::json;
using fixture = dbs::observe::test::log_fixture;

TEST_CASE("a file is rotated and the oldest one goes", "[observe][log]") {
  dbs::testing::temporary_directory dir{"log"};
  dbs::log_settings settings;
  settings.file = (dir.path() / "dbsd.log").string();
  settings.max_file_mib = 1;
  settings.max_files = 2;
  auto made = logger::make(settings);
  REQUIRE(made);
  // 2.2 MiB in different messages.
  constexpr int count = 2200;
  for (int i = 0; i < count; ++i)
    (*made)->log("cache", log_level::info, "message " + std::to_string(i),
                 {{"filler", std::string(1024, 'x')}});
  made->reset();

  size_t files = 0;
  for (auto& entry : std::filesystem::directory_iterator{dir.path()}) {
    ++files;
    CHECK(entry.file_size() <= size_t{1} << 20);
    CHECK(entry.file_size() > 0);
  }
  CHECK(files == 2);
  auto last = read_file(settings.file);
  CHECK(last.find("message " + std::to_string(count - 1) + " ") != std::string::npos);
  CHECK(last.ends_with("x\n"));
}

TEST_CASE("a file is appended to by the next logger", "[observe][log]") {
  dbs::testing::temporary_directory dir{"log"};
  dbs::log_settings settings;
  settings.file = (dir.path() / "dbsd.log").string();
  for (std::string text : {"first", "second"}) {
    auto made = logger::make(settings);
    REQUIRE(made);
    (*made)->log("cache", log_level::info, text);
  }
  auto content = read_file(settings.file);
  CHECK(content.find("first") < content.find("second"));
  CHECK(content.find("second") != std::string::npos);
}

TEST_CASE("lines that cannot be written are counted", "[observe][log]") {
  dbs::log_settings settings;
  settings.file = "/dev/full";
  auto made = logger::make(settings);
  REQUIRE(made);
  (*made)->log("cache", log_level::info, "into the void");
  CHECK((*made)->wait_written());
  CHECK((*made)->stats().failed == 1);
  CHECK((*made)->stats().written == 0);
}

namespace {

/// A pipe whose writing end is a log file.
struct log_pipe {
  log_pipe() { REQUIRE(::pipe(ends) == 0); }
  ~log_pipe() {
    close_end(0);
    close_end(1);
  }

  std::string path() const { return "/proc/self/fd/" + std::to_string(ends[1]); }

  void close_end(size_t i) {
    if (ends[i] >= 0)
      ::close(std::exchange(ends[i], -1));
  }

  /// Reads until nobody can write any more.
  std::vector<std::string> read_lines() {
    close_end(1);
    std::string text;
    std::array<char, 65536> buffer;
    for (ssize_t n = 0; (n = ::read(ends[0], buffer.data(), buffer.size())) > 0;)
      text.append(buffer.data(), static_cast<size_t>(n));
    std::istringstream in{text};
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);)
      lines.push_back(line);
    return lines;
  }

  int ends[2] = {-1, -1};
};

} // namespace

TEST_CASE("whoever logs does not wait for a pipe that nobody reads, and losses are counted",
          "[observe][log]") {
  log_pipe pipe;
  dbs::log_settings settings;
  settings.format = "json";
  settings.file = pipe.path();
  logger_options options;
  options.max_queued = 16;
  auto made = logger::make(settings, options);
  REQUIRE(made);
  constexpr int64_t count = 1000;
  // Returns although the pipe takes 64 KiB only.
  for (int64_t i = 0; i < count; ++i)
    (*made)->log("cache", log_level::info, "message " + std::to_string(i),
                 {{"number", i}, {"filler", std::string(1024, 'x')}});
  auto dropped = static_cast<int64_t>((*made)->stats().dropped);
  CHECK(dropped > count / 2);
  CHECK(dropped < count);

  std::vector<std::string> lines;
  std::thread reader{[&] { lines = pipe.read_lines(); }};
  CHECK((*made)->wait_written());
  made->reset();
  reader.join();

  // Every number is there or accounted for, in its place.
  int64_t next = 0;
  for (auto& line : lines) {
    auto object = json::parse(line);
    auto& fields = object.at("fields");
    if (object.at("message") == "lines were lost") {
      CHECK(object.at("level") == "warning");
      CHECK(fields.at("failed") == 0);
      next += fields.at("dropped").get<int64_t>();
    } else {
      REQUIRE(fields.at("number") == next);
      ++next;
    }
  }
  CHECK(next == count);
}

TEST_CASE("the end of a logger does not wait for ever for a pipe that nobody reads",
          "[observe][log]") {
  log_pipe pipe;
  dbs::log_settings settings;
  settings.file = pipe.path();
  logger_options options;
  options.flush_limit = std::chrono::milliseconds{20};
  auto made = logger::make(settings, options);
  REQUIRE(made);
  for (int i = 0; i < 200; ++i)
    (*made)->log("cache", log_level::info, "message " + std::to_string(i),
                 {{"filler", std::string(1024, 'x')}});
  CHECK_FALSE((*made)->wait_written());
  made->reset();
  // What stdio still holds goes out at the end of this process, to nobody.
  std::signal(SIGPIPE, SIG_IGN);
}

TEST_CASE("lines that were refused are reported as soon as lines are taken again",
          "[observe][log]") {
  fixture f;
  std::atomic<bool> broken{true};
  f.options.sink = [&](std::string_view line) {
    if (broken)
      throw std::runtime_error("no space left on device");
    f.written.emplace_back(line);
  };
  f.log().log("cache", log_level::info, "one");
  f.log().log("cache", log_level::info, "two");
  CHECK(f.lines().empty());
  broken = false;
  f.log().log("cache", log_level::info, "three");
  REQUIRE(f.lines().size() == 2);
  CHECK(f.lines()[0].ends_with("warning log lines were lost dropped=0 failed=2\n"));
  CHECK(f.lines()[1].ends_with("info cache three\n"));
  CHECK(f.log().stats().failed == 2);
}

TEST_CASE("threads do not tear each other's lines", "[observe][log]") {
  std::vector<std::string> lines;
  logger_options options;
  // Called on one thread, the logger's: no lock of our own is needed.
  options.sink = [&lines](std::string_view line) { lines.emplace_back(line); };
  dbs::log_settings settings;
  settings.format = "json";
  auto made = logger::make(settings, options);
  REQUIRE(made);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&log = **made, t] {
      for (int i = 0; i < 500; ++i)
        log.log("thread", log_level::info, std::to_string(t) + "/" + std::to_string(i));
    });
  for (auto& thread : threads)
    thread.join();
  REQUIRE((*made)->wait_written());
  REQUIRE(lines.size() == 2000);
  for (auto& line : lines)
    REQUIRE_NOTHROW(json::parse(line));
}

TEST_CASE("the host's own spdlog loggers are left alone", "[observe][log]") {
  fixture f;
  f.log().log("cache", log_level::info, "hello");
  CHECK(spdlog::get("dbs") == nullptr);
  CHECK(spdlog::default_logger()->level() == spdlog::level::info);
}
