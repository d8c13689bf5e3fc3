#include "dbs/runtime/observe/log.hpp"

#include "dbs/config/secret_name.hpp"
#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/observe/mask.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace dbs::observe;
using dbs::field;
using dbs::is_secret_name;
using nlohmann::json;

namespace {

/// A logger whose lines and clock are the test's.
struct fixture {
  explicit fixture(const std::string& format = "text") {
    settings.format = format;
    options.now = [this] { return now; };
    options.sink = [this](std::string_view line) { written.emplace_back(line); };
  }

  logger& log() {
    if (!ptr) {
      auto made = logger::make(settings, options);
      REQUIRE(made);
      ptr = std::move(*made);
    }
    return *ptr;
  }

  /// What was logged so far; the logger writes it on a thread of its own.
  const std::vector<std::string>& lines() {
    if (ptr)
      REQUIRE(ptr->wait_written());
    return written;
  }

  std::string only_line() {
    REQUIRE(lines().size() == 1);
    auto line = written[0];
    REQUIRE(std::count(line.begin(), line.end(), '\n') == 1);
    REQUIRE(line.back() == '\n');
    line.pop_back();
    return line;
  }

  dbs::log_settings settings;
  logger_options options;
  // 2026-01-31T12:00:00.250Z
  logger_options::time_point now{std::chrono::milliseconds{1'769'860'800'250}};
  std::vector<std::string> written;
  std::unique_ptr<logger> ptr;
};

/// A directory that goes with the test.
struct scratch_directory {
  scratch_directory() {
    auto pattern = (std::filesystem::temp_directory_path() / "dbs-log-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path = pattern;
  }
  ~scratch_directory() {
    std::error_code ec;
    std::filesystem::remove_all(path, ec);
  }
  std::filesystem::path path;
};

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in{path};
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

} // namespace

// -- layouts ---------------------------------------------------------------------

TEST_CASE("a text line has time, level, component, message and fields", "[observe][log]") {
  fixture f;
  f.log().log("postgres_pool", log_level::warning, "connection lost",
              {{"endpoint", "127.0.0.1:5432"},
               {"reason", "reset by \"peer\""},
               {"idle", int64_t{3}},
               {"load", 0.5},
               {"draining", false},
               {"note", ""}});
  CHECK(f.only_line() ==
        "2026-01-31T12:00:00.250Z warning postgres_pool connection lost endpoint=127.0.0.1:5432 "
        R"(reason="reset by \"peer\"" idle=3 load=0.5 draining=false note="")");
}

TEST_CASE("a JSON line is one object", "[observe][log]") {
  fixture f{"json"};
  f.log().log("cache", log_level::info, "say \"hi\"", {{"l1.hits", int64_t{7}}, {"ok", true}});
  CHECK(json::parse(f.only_line()) ==
        json::parse(R"({"ts": "2026-01-31T12:00:00.250Z", "level": "info",
          "component": "cache", "message": "say \"hi\"", "fields": {"l1.hits": 7, "ok": true}})"));
}

TEST_CASE("what is below the level is not logged", "[observe][log]") {
  fixture f;
  f.settings.level = "warning";
  f.log().log("cache", log_level::info, "one");
  CHECK(f.lines().empty());
  f.log().set_level(log_level::debug);
  f.log().log("cache", log_level::debug, "two");
  CHECK(f.lines().size() == 1);
  f.log().set_level(log_level::off);
  f.log().log("cache", log_level::error, "three");
  f.log().log("cache", log_level::off, "four");
  CHECK(f.lines().size() == 1);
}

// -- injection, length and secrets -----------------------------------------------

TEST_CASE("no value can start a line or command a terminal", "[observe][log]") {
  const std::string evil = "a\r\n2026 error forged\x1b[2J\x7f\xc2\x85\xe2\x80\xa8\xff\0z";
  for (std::string format : {"text", "json"}) {
    CAPTURE(format);
    fixture f{format};
    f.log().log(evil, log_level::info, evil, {{"value", evil}, {evil, int64_t{1}}});
    auto line = f.only_line();
    CHECK(std::none_of(line.begin(), line.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }));
    CHECK(line.find("\xc2\x85") == std::string::npos);
    CHECK(line.find("\xe2\x80\xa8") == std::string::npos);
    CHECK(line.find('\xff') == std::string::npos);
    if (format == "json") {
      auto object = json::parse(line);
      CHECK(object.at("fields").size() == 2);
      CHECK(object.at("message").get<std::string>().starts_with("a\r\n2026 error forged\x1b[2J"));
    }
  }
}

TEST_CASE("a value with blanks cannot pass for another field", "[observe][log]") {
  fixture f;
  f.log().log("cache", log_level::info, "read", {{"a", "1 admin=true"}, {"b", "x=y"}});
  CHECK(f.only_line().ends_with(R"(read a="1 admin=true" b="x=y")"));
}

TEST_CASE("a line is never longer than 8 KiB, and says that it was cut", "[observe][log]") {
  for (std::string format : {"text", "json"}) {
    for (std::string filler : {"x", "\n", "\x01", "\xff", "\xe2\x82\xac", "\""}) {
      CAPTURE(format, filler);
      fixture f{format};
      std::string huge;
      while (huge.size() < 100'000)
        huge += filler;
      std::vector<field> fields;
      for (int i = 0; i < 50; ++i)
        fields.push_back({"field" + std::to_string(i), huge.substr(0, 300)});
      fields.insert(fields.begin() + 1, {"huge", huge});
      f.log().log(huge, log_level::info, huge, fields);
      auto line = f.only_line();
      CHECK(line.size() < 8192);
      CHECK(line.size() > 6000);
      CHECK(line.find("[cut]") != std::string::npos);
      CHECK(line.find("omitted_fields") != std::string::npos);
      if (format == "json") {
        auto object = json::parse(line);
        CHECK(object.at("omitted_fields").get<size_t>() + object.at("fields").size() == 51);
      }
    }
  }
}

TEST_CASE("values with telling names are masked", "[observe][log]") {
  for (std::string format : {"text", "json"}) {
    fixture f{format};
    f.log().log("redis", log_level::info, "connecting",
                {{"redis.Password", "hunter2"},
                 {"api_key", "hunter2"},
                 {"client_secret", "hunter2"},
                 {"TOKEN", int64_t{4711}},
                 {"host", "localhost"}});
    auto line = f.only_line();
    CHECK(line.find("hunter2") == std::string::npos);
    CHECK(line.find("4711") == std::string::npos);
    CHECK(line.find("localhost") != std::string::npos);
    CHECK(line.find("***") != std::string::npos);
  }
}

TEST_CASE("credentials in URLs are masked in messages and values", "[observe][log]") {
  fixture f;
  f.log().log("redis", log_level::error, "cannot reach redis://app:hunter2@db:6379/0",
              {{"url", "postgresql://app:hun/t@er2@h1,h2/x?sslmode=require"}});
  CHECK(f.only_line().ends_with(
      R"(cannot reach redis://***@db:6379/0 url="postgresql://***@h1,h2/x?sslmode=require")"));
}

TEST_CASE("masking leaves other text alone", "[observe][log]") {
  CHECK(mask_urls("") == "");
  CHECK(mask_urls("mail me@example.org") == "mail me@example.org");
  CHECK(mask_urls("see http://host/path, http://other") == "see http://host/path, http://other");
  CHECK(mask_urls("a://u:p@h b://h c://:p@h") == "a://***@h b://h c://***@h");
  CHECK(mask_urls("://") == "://");
  CHECK(mask_urls("x://@h") == "x://***@h");
  CHECK_FALSE(is_secret_name("endpoint"));
}

TEST_CASE("secrets among the arguments of a URL are masked", "[observe][log]") {
  CHECK(mask_urls("postgresql://h/d?password=S3cret") == "postgresql://h/d?password=***");
  CHECK(mask_urls("redis://h?password=S3cret, then") == "redis://h?password=*** then");
  CHECK(mask_urls("postgresql://u:S3cret@h/d?a=b&sslpassword=S3cret&passfile=/x#y z") ==
        "postgresql://***@h/d?a=b&sslpassword=***&passfile=/x#y z");
  CHECK(mask_urls("postgresql://h/d?p%61ssword=S3cret&x=1") ==
        "postgresql://h/d?p%61ssword=***&x=1");
  CHECK(mask_urls("redis://h?PassWord=S3c=ret;db=3") == "redis://h?PassWord=***;db=3");
  // Not percent-encoded, as they should be.
  CHECK(mask_urls("redis://h?password=S3c@ret&db=3") == "redis://***@***&db=3");
  CHECK(mask_urls("redis://h?db=3&password=S3@c@ret") == "redis://***@***");
  CHECK(mask_urls("redis://u:S3?cret@h/0") == "redis://***@***");
}

TEST_CASE("no argument of a URL tells its secret, wherever the special characters are",
          "[observe][log]") {
  for (char special : std::string{"@?&=;/:#%"})
    for (auto place : {size_t{0}, size_t{2}, size_t{5}}) {
      std::string secret = "S3cretS3cret";
      secret.insert(place, 1, special);
      for (std::string before : {"redis://h?password=", "redis://u@h/0?db=1&password="}) {
        auto shown = mask_urls(before + secret);
        // What stands behind a raw & or ; is another argument.
        if (special == '&' || special == ';')
          continue;
        INFO(shown);
        CHECK(shown.find("cret") == std::string::npos);
      }
    }
}

TEST_CASE("literals in SQL are masked, and nothing else", "[observe][log]") {
  CHECK(mask_sql("ALTER ROLE x PASSWORD 'S3cret'") == "ALTER ROLE x PASSWORD '***'");
  CHECK(mask_sql("select 'a''S3cret', b from \"it's\" where c = $1") ==
        "select '***', b from \"it's\" where c = $1");
  CHECK(mask_sql("select E'a\\'S3cret', e'\\\\', 1") == "select E'***', e'***', 1");
  CHECK(mask_sql("select 'a\\', 1") == "select '***'"); // with which settings?
  CHECK(mask_sql("select name'x', n'x', U&'x'") == "select name'***', n'***', U&'***'");
  CHECK(mask_sql("do $$ S3cret 'x' $$ language plpgsql") == "do $$***$$ language plpgsql");
  CHECK(mask_sql("do $a1$ S3cret $$ $a$ $a1$; select $1") == "do $a1$***$a1$; select $1");
  CHECK(mask_sql("select a$$b, 'x' from c$$d") == "select a$$b, '***' from c$$d");
  CHECK(mask_sql("select 1 -- it's\n, 'x'") == "select 1 -- it's\n, '***'");
  CHECK(mask_sql("select /* it's /* nested */ 's */ 'x'") ==
        "select /* it's /* nested */ 's */ '***'");
  CHECK(mask_sql("select 1 - 2 / 3 * 4") == "select 1 - 2 / 3 * 4");
  CHECK(mask_sql("") == "");
}

TEST_CASE("a statement that was cut tells nothing of its last literal", "[observe][log]") {
  CHECK(mask_sql("alter role x password 'S3c") == "alter role x password '***'");
  CHECK(mask_sql("select E'S3c\\") == "select E'***'");
  CHECK(mask_sql("select $tag$ S3c $ta") == "select $tag$***$tag$");
  CHECK(mask_sql("select $ta") == "select $ta");
  CHECK(mask_sql("select \"ab") == "select \"ab");
  CHECK(mask_sql("select 1 /* ab") == "select 1 /* ab");
  CHECK(mask_sql("select '" + std::string(100'000, 'x') + "'") == "select '***'");
  CHECK(mask_sql(std::string(100'000, 'x')).size() == 4096);
}

// -- repetition ------------------------------------------------------------------

TEST_CASE("repeated messages are held back, counted and reported", "[observe][log]") {
  fixture f;
  f.options.max_repeats = 3;
  for (int i = 0; i < 10; ++i)
    f.log().log("redis", log_level::error, "connect failed", {{"attempt", int64_t{i}}});
  REQUIRE(f.lines().size() == 3);
  CHECK(f.log().stats().suppressed == 7);

  SECTION("other messages, levels and components are not affected") {
    f.log().log("redis", log_level::error, "connect refused");
    f.log().log("redis", log_level::warning, "connect failed");
    f.log().log("pubsub", log_level::error, "connect failed");
    CHECK(f.lines().size() == 6);
  }
  SECTION("the count comes with the first line after the window, whatever that is") {
    f.now += f.options.repeat_window;
    f.log().log("cache", log_level::info, "something else");
    REQUIRE(f.lines().size() == 5);
    CHECK(f.lines()[3].ends_with("error redis connect failed suppressed=7\n"));
    CHECK(f.lines()[4].ends_with("info cache something else\n"));
  }
  SECTION("after the window the message is logged again") {
    f.now += f.options.repeat_window;
    f.log().log("redis", log_level::error, "connect failed");
    REQUIRE(f.lines().size() == 5);
    CHECK(f.lines()[3].ends_with("suppressed=7\n"));
    CHECK(f.lines()[4].ends_with("error redis connect failed\n"));
  }
  SECTION("a flush reports what was held back") {
    f.log().flush();
    REQUIRE(f.lines().size() == 4);
    CHECK(f.lines()[3].ends_with("suppressed=7\n"));
    f.log().flush();
    CHECK(f.lines().size() == 4);
  }
  SECTION("so does the end of the logger") {
    f.ptr.reset();
    CHECK(f.lines().size() == 4);
  }
  SECTION("a clock that is set back does not silence a message for long") {
    f.now -= std::chrono::hours{24};
    f.log().log("redis", log_level::error, "connect failed");
    CHECK(f.lines().back().ends_with("error redis connect failed\n"));
  }
}

TEST_CASE("no count is lost when more messages repeat than are remembered", "[observe][log]") {
  fixture f;
  f.options.max_repeats = 1;
  f.options.max_remembered = 4;
  constexpr int messages = 20, repeats = 5;
  for (int i = 0; i < messages; ++i) {
    f.now += std::chrono::milliseconds{1};
    for (int k = 0; k < repeats; ++k)
      f.log().log("cache", log_level::info, "message " + std::to_string(i));
  }
  f.log().flush();
  size_t reports = 0;
  for (auto& line : f.lines())
    reports += line.ends_with("suppressed=4\n") ? 1 : 0;
  CHECK(reports == messages);
  CHECK(f.lines().size() == 2 * messages);
}

// -- where lines go --------------------------------------------------------------

TEST_CASE("a file is rotated and the oldest one goes", "[observe][log]") {
  scratch_directory dir;
  dbs::log_settings settings;
  settings.file = (dir.path / "dbsd.log").string();
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
  for (auto& entry : std::filesystem::directory_iterator{dir.path}) {
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
  scratch_directory dir;
  dbs::log_settings settings;
  settings.file = (dir.path / "dbsd.log").string();
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
