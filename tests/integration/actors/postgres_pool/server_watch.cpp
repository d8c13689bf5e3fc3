#include "integration/actors/postgres_pool/server_watch.hpp"

#include "dbs/testing/servers/internal/libpq_session.hpp"

#include <algorithm>
#include <exception>

namespace dbs::tests {

using namespace std::chrono_literals;

server_watch::server_watch(const testing::private_postgres& server)
    : session_(std::make_unique<testing::internal::libpq_session>(
          testing::internal::libpq_session::parameters{{"host", server.socket_directory()},
                                                       {"port", std::to_string(server.port())},
                                                       {"user", server.options().superuser},
                                                       {"dbname", server.options().database},
                                                       {"application_name", "server_watch"}},
          std::chrono::steady_clock::now() + 2h)),
      thread_([this] { run(); }) {}

server_watch::~server_watch() {
  if (thread_.joinable())
    stop();
}

void server_watch::stop() {
  {
    std::unique_lock guard{mutex_};
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

std::chrono::microseconds server_watch::mean_interval() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(ended_ - started_) /
         static_cast<int64_t>(std::max<uint64_t>(samples_, 1));
}

void server_watch::run() {
  try {
    // Nobody else is connected; those that log in have no name yet.
    session_->execute("prepare sample as select count(*) from pg_stat_activity "
                      "where backend_type = 'client backend' and pid <> pg_backend_pid()");
    for (std::unique_lock guard{mutex_}; !stopping_;
         wake_.wait_for(guard, 1ms, [this] { return stopping_; })) {
      guard.unlock();
      most_ = std::max(most_, std::stoi(session_->execute("execute sample")));
      ++samples_;
      guard.lock();
    }
  } catch (const std::exception& reason) {
    problem_ = reason.what();
  }
  ended_ = std::chrono::steady_clock::now();
}

} // namespace dbs::tests
