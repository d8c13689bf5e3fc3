// Looks at a server's sessions all the time, through one connection of its own.
#pragma once

#include "dbs/testing/servers/private_postgres.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace dbs::testing::internal {

class libpq_session;

} // namespace dbs::testing::internal

namespace dbs::tests {

/// Counts the pool's connections in pg_stat_activity about every millisecond, from
/// construction to `stop`. The server must stay up.
class server_watch {
public:
  explicit server_watch(const testing::private_postgres& server);

  ~server_watch();

  server_watch(const server_watch&) = delete;
  server_watch& operator=(const server_watch&) = delete;

  /// Ends the watch; the numbers below are valid from then on.
  void stop();

  /// The most connections of the pool there were at a time.
  int most() const noexcept { return most_; }

  uint64_t samples() const noexcept { return samples_; }

  std::chrono::microseconds mean_interval() const;

  /// Why it ended early; empty if it did not.
  const std::string& problem() const noexcept { return problem_; }

private:
  void run();

  std::unique_ptr<testing::internal::libpq_session> session_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false; // guarded by mutex_
  int most_ = 0;
  uint64_t samples_ = 0;
  std::string problem_;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point ended_;
  std::thread thread_;
};

} // namespace dbs::tests
