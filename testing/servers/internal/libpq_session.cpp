#include "dbs/testing/servers/internal/libpq_session.hpp"

#include <poll.h>

#include <algorithm>
#include <cstdint>
#include <stdexcept>

namespace dbs::testing::internal {

namespace {

using result_ptr = std::unique_ptr<PGresult, decltype(&PQclear)>;

[[noreturn]] void fail(std::string message) {
  while (!message.empty() && message.back() == '\n')
    message.pop_back();
  throw std::runtime_error("PostgreSQL: " + message);
}

void append_rows(std::string& out, const PGresult* result) {
  for (int row = 0; row < PQntuples(result); ++row) {
    if (!out.empty())
      out += '\n';
    for (int column = 0; column < PQnfields(result); ++column) {
      if (column > 0)
        out += '|';
      out += PQgetvalue(result, row, column);
    }
  }
}

} // namespace

libpq_session::libpq_session(const parameters& connect_with, time_point deadline)
    : conn_(nullptr, &PQfinish), deadline_(deadline) {
  std::vector<const char*> names;
  std::vector<const char*> values;
  for (const auto& parameter : connect_with) {
    names.push_back(parameter.first.c_str());
    values.push_back(parameter.second.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  conn_.reset(PQconnectStartParams(names.data(), values.data(), 0));
  if (conn_ == nullptr)
    fail("out of memory");
  auto state = PGRES_POLLING_WRITING;
  while (state != PGRES_POLLING_OK) {
    if (state == PGRES_POLLING_FAILED || PQstatus(conn_.get()) == CONNECTION_BAD)
      fail(PQerrorMessage(conn_.get()));
    wait(state == PGRES_POLLING_READING ? POLLIN : POLLOUT);
    state = PQconnectPoll(conn_.get());
  }
}

std::string libpq_session::execute(const std::string& sql) {
  auto* conn = conn_.get();
  if (PQsendQuery(conn, sql.c_str()) != 1)
    fail(PQerrorMessage(conn));
  std::string rows;
  std::string error;
  for (;;) {
    while (PQisBusy(conn) == 1) {
      wait(POLLIN);
      if (PQconsumeInput(conn) != 1)
        fail(PQerrorMessage(conn));
    }
    result_ptr result{PQgetResult(conn), &PQclear};
    if (result == nullptr)
      break;
    switch (PQresultStatus(result.get())) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY:
      append_rows(rows, result.get());
      break;
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
      fail("COPY FROM STDIN and TO STDOUT are not for psql()");
    default: {
      const char* state = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
      error = std::string{PQresultErrorMessage(result.get())} +
              (state != nullptr ? "SQLSTATE " + std::string{state} : "");
    }
    }
  }
  if (!error.empty())
    fail(error);
  return rows;
}

void libpq_session::wait(short events) {
  for (;;) {
    auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
    if (left.count() <= 0)
      fail("no answer within the deadline");
    pollfd entry{PQsocket(conn_.get()), events, 0};
    auto timeout = static_cast<int>(std::min<std::int64_t>(left.count(), 60'000));
    if (poll(&entry, 1, timeout) > 0)
      return;
  }
}

} // namespace dbs::testing::internal
