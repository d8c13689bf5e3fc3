#include "peers/libpq.hpp"

#include <libpq-fe.h>
#include <poll.h>

#include <memory>
#include <random>
#include <vector>

namespace dbs::bench {

namespace {

using clock = std::chrono::steady_clock;

struct closer {
  void operator()(PGconn* conn) const { PQfinish(conn); }
};

using connection = std::unique_ptr<PGconn, closer>;

connection open(const std::string& conninfo) {
  connection result{PQconnectdb(conninfo.c_str())};
  if (PQstatus(result.get()) != CONNECTION_OK)
    throw std::runtime_error(PQerrorMessage(result.get()));
  PQclear(PQprepare(result.get(), "kv", "SELECT v FROM kv WHERE k = $1", 1, nullptr));
  return result;
}

/// Counts a result, and insists that it is one row.
void check(PGresult* result) {
  auto good = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;
  PQclear(result);
  if (!good)
    throw std::runtime_error("a query of the peer failed");
}

run_figures_t figures(const observe::histogram& latency, std::chrono::milliseconds duration) {
  auto x = observe::summarize(latency.snapshot());
  auto us = [](caf::timespan t) { return std::chrono::duration<double, std::micro>{t}.count(); };
  return {static_cast<double>(x.count) / std::chrono::duration<double>{duration}.count(), us(x.p50),
          us(x.p99)};
}

} // namespace

run_figures_t libpq_mux(const std::string& conninfo, int connections,
                        std::chrono::milliseconds duration) {
  struct slot {
    connection conn;
    clock::time_point sent;
  };
  std::vector<slot> slots;
  std::vector<pollfd> polled;
  std::minstd_rand random{1};
  auto send = [&random](slot& s) {
    auto key = std::to_string(1 + random() % 100'000);
    const char* values[] = {key.c_str()};
    s.sent = clock::now();
    if (PQsendQueryPrepared(s.conn.get(), "kv", 1, values, nullptr, nullptr, 0) != 1 ||
        PQflush(s.conn.get()) != 0)
      throw std::runtime_error(PQerrorMessage(s.conn.get()));
  };
  for (int i = 0; i < connections; ++i) {
    slots.push_back({open(conninfo), {}});
    PQsetnonblocking(slots.back().conn.get(), 1);
    polled.push_back({PQsocket(slots.back().conn.get()), POLLIN, 0});
  }
  observe::histogram latency;
  auto counted_from = clock::now() + duration / 10;
  auto end = counted_from + duration;
  for (auto& s : slots)
    send(s);
  while (clock::now() < end) {
    poll(polled.data(), polled.size(), 1000);
    for (size_t i = 0; i < slots.size(); ++i) {
      if ((polled[i].revents & POLLIN) == 0)
        continue;
      auto& s = slots[i];
      if (PQconsumeInput(s.conn.get()) != 1)
        throw std::runtime_error(PQerrorMessage(s.conn.get()));
      auto done = false;
      while (PQisBusy(s.conn.get()) == 0) {
        auto* result = PQgetResult(s.conn.get());
        if (result == nullptr) {
          done = true;
          break;
        }
        check(result);
      }
      if (!done)
        continue;
      auto now = clock::now();
      if (s.sent >= counted_from && now <= end)
        latency.record(now - s.sent);
      send(s);
    }
  }
  return figures(latency, duration);
}

run_figures_t libpq_sync(const std::string& conninfo, std::chrono::milliseconds duration) {
  auto conn = open(conninfo);
  std::minstd_rand random{1};
  observe::histogram latency;
  auto counted_from = clock::now() + duration / 10;
  auto end = counted_from + duration;
  for (;;) {
    auto key = std::to_string(1 + random() % 100'000);
    const char* values[] = {key.c_str()};
    auto sent = clock::now();
    if (sent >= end)
      return figures(latency, duration);
    check(PQexecPrepared(conn.get(), "kv", 1, values, nullptr, nullptr, 0));
    if (sent >= counted_from)
      latency.record(clock::now() - sent);
  }
}

} // namespace dbs::bench
