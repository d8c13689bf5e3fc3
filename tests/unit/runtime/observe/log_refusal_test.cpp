// Why there is no logger.
#include "dbs/runtime/observe/log.hpp"

#include "dbs/messages/error_detail.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace dbs::observe;

TEST_CASE("bad settings are refused and named", "[observe][log]") {
  auto what = [](dbs::log_settings settings) {
    auto made = logger::make(settings);
    REQUIRE_FALSE(made);
    CHECK(made.error() == dbs::errc::config_invalid);
    return dbs::detail(made.error()).what;
  };
  dbs::log_settings settings;
  settings.level = "loud";
  CHECK(what(settings).find("log.level is 'loud'") == 0);
  settings = {};
  settings.format = "xml";
  CHECK(what(settings).find("log.format is 'xml'") == 0);
  settings = {};
  settings.max_files = 0;
  CHECK(what(settings).find("log.max_files is 0") == 0);
  settings = {};
  settings.max_file_mib = 0;
  CHECK(what(settings).find("log.max_file_mib is 0") == 0);
  settings = {};
  settings.file = "/proc/nowhere/dbsd.log";
  CHECK(what(settings).find("'/proc/nowhere/dbsd.log'") != std::string::npos);
}

TEST_CASE("a log without a thread does not blame the file", "[observe][log]") {
  auto child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    // No user but root may go beyond the limit.
    const rlimit none{0, 0};
    auto limited = setrlimit(RLIMIT_NPROC, &none) == 0 && (geteuid() != 0 || setuid(65534) == 0);
    auto made = logger::make({});
    auto what = made ? "" : dbs::detail(made.error()).what;
    auto told = limited && what.starts_with("the thread of the log cannot be started: ");
    _exit(told && made.error() == dbs::errc::overloaded ? 0 : 1);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

TEST_CASE("the name of a log file that is a URL is masked", "[observe][log]") {
  dbs::log_settings settings;
  settings.file = "/dev/null/postgresql://u:S3cret@h/d";
  auto made = logger::make(settings);
  REQUIRE_FALSE(made);
  CHECK(dbs::detail(made.error()).what.find("S3cret") == std::string::npos);
}
