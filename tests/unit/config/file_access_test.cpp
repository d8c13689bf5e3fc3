// What a check of the configuration says about files.
#include "dbs/config/file_access.hpp"

#include "unit/config/loading.hpp"

#include "dbs/testing/servers/temporary_directory.hpp"

#include <filesystem>
#include <string>

using namespace dbs;
using namespace dbs::tests;

namespace fs = std::filesystem;

namespace {

/// What is said about the one file; empty if it is as it should be.
std::string verdict(const std::string& key, const fs::path& file) {
  auto sources = with_targets();
  sources.flags.emplace_back(key, file.string());
  auto problem = check_file_access(load(sources));
  return problem ? detail(problem).what : "";
}

} // namespace

TEST_CASE("a log file that can be made is fine, and is not made") {
  testing::temporary_directory directory{"access"};
  CHECK(verdict("log.file", directory.path() / "dbs.log").empty());
  CHECK(verdict("log.file", directory.path() / "a/b/dbs.log").empty());
  CHECK(fs::is_empty(directory.path()));
  CHECK(verdict("log.file", "dbs.log").empty());
  CHECK_FALSE(fs::exists("dbs.log"));
}

TEST_CASE("a log file that is there is left as it is") {
  temporary_file file{"a line\n"};
  CHECK(verdict("log.file", file.path()).empty());
  CHECK(fs::file_size(file.path()) == 7);
}

TEST_CASE("a log file that cannot be written is refused with the reason") {
  testing::temporary_directory directory{"access"};
  temporary_file file{""};
  auto name = file.path().string();
  CHECK(verdict("log.file", name + "/dbs.log") ==
        "log.file (DBS_LOG_FILE): \"" + name +
            "/dbs.log\" from flag --set log.file cannot be written: Not a directory; allowed: a "
            "path, or empty");
  CHECK(has(verdict("log.file", name + "/a/b/dbs.log"), "Not a directory"));
  CHECK(has(verdict("log.file", directory.path()), "Is a directory"));
  CHECK(has(verdict("log.file", directory.path() / "a/"), "Is a directory"));
}

TEST_CASE("the authorities of Redis must be a file that can be read") {
  testing::temporary_directory directory{"access"};
  temporary_file file{"certificates"};
  CHECK(verdict("redis.ca_file", file.path()).empty());
  CHECK(has(verdict("redis.ca_file", directory.path() / "ca.pem"),
            "ca.pem\" from flag --set redis.ca_file cannot be read: No such file or directory"));
  CHECK(has(verdict("redis.ca_file", directory.path()), "cannot be read: Is a directory"));
}

TEST_CASE("all files that cannot be used are named at once, without secrets") {
  auto sources = with_targets();
  sources.flags = {{"redis.ca_file", "postgresql://u:S3cret@h/d"}, {"log.file", "/dev/null/x"}};
  auto info = detail(check_file_access(load(sources)));
  INFO(info.what);
  CHECK(info.fields.size() == 2);
  CHECK_FALSE(has(info.what, "S3cret"));
}
