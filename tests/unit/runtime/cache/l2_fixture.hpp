// L2 over a client of Redis whose server is scripted, on virtual time.
#pragma once

#include "dbs/runtime/cache/envelope.hpp"
#include "dbs/runtime/cache/l2_core.hpp"
#include "dbs/testing/fixture/silent_logger.hpp"

#include "unit/runtime/cache/heard_answers.hpp"
#include "unit/runtime/cache/made_stored.hpp"
#include "unit/runtime/redis/core_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace dbs::test {

struct l2_fixture : core_fixture {
  l2_fixture() {
    options.redis = std::make_shared<loop_link<redis::redis_core>>();
    options.counters = std::make_shared<cache::level_counters>();
    options.log = testing::make_silent_logger();
    options.waits = &waits;
    options.clock = [this] { return wall; };
    links.answer = [this](scripted_link& link, const words& command) {
      return serve(link, command);
    };
  }

  cache::l2_core& l2() {
    if (!l2_) {
      start();
      options.redis->up(core());
      l2_ = std::make_unique<cache::l2_core>(options, time.timers());
    }
    return *l2_;
  }

  void destroy_l2() { l2_ = nullptr; }

  // -- asking: each returns the token -------------------------------------------------

  cache::level_token read(std::string_view key, caf::timespan timeout = patience) {
    l2().read(key, time.now() + timeout, heard, ++last);
    return last;
  }

  cache::level_token read_many(const std::vector<std::string>& keys,
                               caf::timespan timeout = patience) {
    l2().read(keys, time.now() + timeout, heard, ++last);
    return last;
  }

  cache::level_token write(std::string_view key, const cache::stored_value& what,
                           caf::timespan timeout = patience) {
    l2().write(key, what, time.now() + timeout, heard, ++last);
    return last;
  }

  cache::level_token erase_tag(std::string_view tag, const cache::version& vers) {
    l2().erase_tag(tag, vers, time.now() + patience, heard, ++last);
    return last;
  }

  cache::level_token erase_prefix(std::string_view prefix, const cache::version& vers) {
    l2().erase_prefix(prefix, vers, time.now() + patience, heard, ++last);
    return last;
  }

  /// The answer, once everything has run.
  std::string answer_to(cache::level_token token) {
    run();
    return heard[token];
  }

  cache::level_figures& counted() { return options.counters->counted; }

  // -- the server -----------------------------------------------------------------------

  void put(const std::string& key, const cache::stored_value& what) {
    data[key] = std::string{cache::encode_envelope(what).view()};
  }

  std::string serve(scripted_link& link, const words& command) {
    auto value = [this](const std::string& key) {
      auto i = data.find(key);
      return i != data.end() ? bulk(i->second) : std::string{"_\r\n"};
    };
    if (silent.contains(command[0]))
      return "";
    if (command[0] == "GET")
      return value(command[1]);
    if (command[0] == "MGET") {
      auto result = "*" + std::to_string(command.size() - 1) + "\r\n";
      for (size_t i = 1; i < command.size(); ++i)
        result += value(command[i]);
      return result;
    }
    if (command[0] == "EVALSHA" || command[0] == "EVAL")
      return script;
    if (command[0] == "SCAN" && !pages.empty()) {
      auto result = pages.front();
      pages.erase(pages.begin());
      return result;
    }
    return scripted_links::obliging(link, command);
  }

  /// As our script says it: done, for version 1.2, nothing was there.
  static constexpr const char* stored = "*6\r\n:1\r\n:0\r\n:0\r\n:1\r\n:0\r\n:2\r\n";

  static constexpr caf::timespan patience = std::chrono::milliseconds{50};

  std::map<std::string, std::string> data;
  std::string script = stored;
  std::vector<std::string> pages;
  /// Commands without an answer.
  std::set<std::string> silent;
  cache::wall_time wall{std::chrono::hours{24 * 365 * 50}};
  observe::histogram waits;
  cache::l2_options options;
  heard_answers heard;

private:
  cache::level_token last = 0;
  std::unique_ptr<cache::l2_core> l2_;
};

} // namespace dbs::test
