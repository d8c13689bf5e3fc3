// A blocking libpq connection whose every wait has a deadline, for the control of
// private servers; what the library itself uses is in runtime/postgres.
#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dbs::testing::internal {

class libpq_session {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// Keywords and values as in PQconnectdbParams.
  using parameters = std::vector<std::pair<std::string, std::string>>;

  /// Throws `std::runtime_error` when the server refuses or the deadline passes.
  libpq_session(const parameters& connect_with, time_point deadline);

  /// Runs one or more statements and renders their rows as `psql -At` does: columns
  /// separated by `|`, rows by newlines, null as nothing. Throws
  /// `std::runtime_error` with the server's message and SQLSTATE.
  std::string execute(const std::string& sql);

private:
  void wait(short events);

  std::unique_ptr<PGconn, decltype(&PQfinish)> conn_;
  time_point deadline_;
};

} // namespace dbs::testing::internal
