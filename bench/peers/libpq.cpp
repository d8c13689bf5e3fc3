#include "peers/libpq.hpp"

#include "peers/kv.hpp"

#include <poll.h>

#include <algorithm>
#include <stdexcept>

namespace dbs::bench {

namespace {

using clock = load_recorder::clock;

struct result_clearer {
  void operator()(PGresult* result) const { PQclear(result); }
};

using result = std::unique_ptr<PGresult, result_clearer>;

[[noreturn]] void fail(const libpq_connection& conn) {
  throw std::runtime_error(std::string{"libpq: "} + PQerrorMessage(conn.get()));
}

libpq_connection open(const std::string& conninfo) {
  libpq_connection conn{PQconnectdb(conninfo.c_str())};
  if (PQstatus(conn.get()) != CONNECTION_OK)
    fail(conn);
  result prepared{PQprepare(conn.get(), "kv", kv_select, 1, nullptr)};
  if (PQresultStatus(prepared.get()) != PGRES_COMMAND_OK)
    fail(conn);
  return conn;
}

void expect_one_row(const libpq_connection& conn, const result& rows) {
  if (PQresultStatus(rows.get()) != PGRES_TUPLES_OK)
    fail(conn);
  if (PQntuples(rows.get()) != 1)
    throw std::runtime_error("libpq: a key has no row");
}

} // namespace

std::string random_key::operator()() {
  return std::to_string(1 + random_() % kv_rows);
}

// -- many connections --------------------------------------------------------------

libpq_mux::libpq_mux(const std::string& conninfo, int connections) {
  for (auto i = 0; i < connections; ++i) {
    slots_.push_back({open(conninfo)});
    if (PQsetnonblocking(slots_.back().conn.get(), 1) != 0)
      fail(slots_.back().conn);
  }
}

void libpq_mux::send(slot& s, clock::time_point now) {
  auto key = keys_();
  const char* values[] = {key.c_str()};
  s.sent = now;
  s.busy = true;
  // So little always fits into the socket's buffer.
  if (PQsendQueryPrepared(s.conn.get(), "kv", 1, values, nullptr, nullptr, 0) != 1 ||
      PQflush(s.conn.get()) != 0)
    fail(s.conn);
}

bool libpq_mux::receive(slot& s) {
  if (PQconsumeInput(s.conn.get()) != 1)
    fail(s.conn);
  while (PQisBusy(s.conn.get()) == 0) {
    result rows{PQgetResult(s.conn.get())};
    if (!rows)
      return true;
    expect_one_row(s.conn, rows);
  }
  return false;
}

load_summary libpq_mux::run(window how) {
  std::vector<pollfd> polled;
  for (auto& s : slots_)
    polled.push_back({PQsocket(s.conn.get()), POLLIN, 0});
  load_recorder recorder{how};
  for (auto& s : slots_)
    send(s, clock::now());
  auto busy = slots_.size();
  while (busy > 0) {
    if (poll(polled.data(), polled.size(), 10'000) <= 0)
      throw std::runtime_error("libpq: no answer for ten seconds");
    for (size_t i = 0; i < slots_.size(); ++i) {
      auto& s = slots_[i];
      if (polled[i].revents == 0 || !s.busy || !receive(s))
        continue;
      auto now = clock::now();
      recorder.record(s.sent, now);
      s.busy = false;
      if (recorder.open(now))
        send(s, now);
      else
        --busy;
    }
  }
  return recorder.summarize();
}

// -- one connection in pipeline mode -----------------------------------------------

libpq_pipeline::libpq_pipeline(const std::string& conninfo, int per_sync)
    : conn_(open(conninfo)), per_sync_(per_sync) {
  if (PQenterPipelineMode(conn_.get()) != 1)
    fail(conn_);
}

load_summary libpq_pipeline::run(window how) {
  auto* conn = conn_.get();
  load_recorder recorder{how};
  for (auto began = clock::now(); recorder.open(began);) {
    for (int i = 0; i < per_sync_; ++i) {
      auto key = keys_();
      const char* values[] = {key.c_str()};
      if (PQsendQueryPrepared(conn, "kv", 1, values, nullptr, nullptr, 0) != 1)
        fail(conn_);
    }
    if (PQpipelineSync(conn) != 1)
      fail(conn_);
    for (int i = 0; i < per_sync_; ++i) {
      expect_one_row(conn_, result{PQgetResult(conn)});
      if (PQgetResult(conn) != nullptr)
        throw std::runtime_error("libpq: a statement has two results");
    }
    if (PQresultStatus(result{PQgetResult(conn)}.get()) != PGRES_PIPELINE_SYNC)
      fail(conn_);
    auto ended = clock::now();
    recorder.record(began, ended);
    began = ended;
  }
  return recorder.summarize();
}

// -- many connections in pipeline mode ---------------------------------------------

libpq_pipelines::libpq_pipelines(const std::string& conninfo, int connections, int depth)
    : depth_(static_cast<size_t>(depth)) {
  for (auto i = 0; i < connections; ++i) {
    auto& s = slots_.emplace_back();
    s.conn = open(conninfo);
    if (PQsetnonblocking(s.conn.get(), 1) != 0 || PQenterPipelineMode(s.conn.get()) != 1)
      fail(s.conn);
  }
}

void libpq_pipelines::send(slot& s, clock::time_point now) {
  auto key = keys_();
  const char* values[] = {key.c_str()};
  // So little always fits into the socket's buffer.
  if (PQsendQueryPrepared(s.conn.get(), "kv", 1, values, nullptr, nullptr, 0) != 1 ||
      PQpipelineSync(s.conn.get()) != 1 || PQflush(s.conn.get()) != 0)
    fail(s.conn);
  s.sent.push_back(now);
}

void libpq_pipelines::receive(slot& s, load_recorder& recorder) {
  auto* conn = s.conn.get();
  if (PQconsumeInput(conn) != 1)
    fail(s.conn);
  while (!s.sent.empty() && PQisBusy(conn) == 0) {
    result rows{PQgetResult(conn)};
    if (!rows)
      continue; // behind a select's rows
    if (PQresultStatus(rows.get()) != PGRES_PIPELINE_SYNC) {
      expect_one_row(s.conn, rows);
      continue;
    }
    auto now = clock::now();
    recorder.record(s.sent.front(), now);
    s.sent.pop_front();
    if (recorder.open(now))
      send(s, now);
  }
}

load_summary libpq_pipelines::run(window how) {
  std::vector<pollfd> polled;
  for (auto& s : slots_)
    polled.push_back({PQsocket(s.conn.get()), POLLIN, 0});
  load_recorder recorder{how};
  for (auto& s : slots_)
    while (s.sent.size() < depth_)
      send(s, clock::now());
  auto busy = [](const slot& s) { return !s.sent.empty(); };
  while (std::any_of(slots_.begin(), slots_.end(), busy)) {
    if (poll(polled.data(), polled.size(), 10'000) <= 0)
      throw std::runtime_error("libpq: no answer for ten seconds");
    for (size_t i = 0; i < slots_.size(); ++i)
      if (polled[i].revents != 0)
        receive(slots_[i], recorder);
  }
  return recorder.summarize();
}

// -- one connection ----------------------------------------------------------------

libpq_sync::libpq_sync(const std::string& conninfo) : conn_(open(conninfo)) {}

load_summary libpq_sync::run(window how) {
  load_recorder recorder{how};
  for (auto began = clock::now(); recorder.open(began);) {
    auto key = keys_();
    const char* values[] = {key.c_str()};
    result rows{PQexecPrepared(conn_.get(), "kv", 1, values, nullptr, nullptr, 0)};
    expect_one_row(conn_, rows);
    auto ended = clock::now();
    recorder.record(began, ended);
    began = ended;
  }
  return recorder.summarize();
}

// -- one connection in single-row mode ---------------------------------------------

libpq_single_row::libpq_single_row(const std::string& conninfo) : conn_(open(conninfo)) {}

int64_t libpq_single_row::run(const char* sql) {
  auto* conn = conn_.get();
  if (PQsendQueryParams(conn, sql, 0, nullptr, nullptr, nullptr, nullptr, 0) != 1 ||
      PQsetSingleRowMode(conn) != 1)
    fail(conn_);
  int64_t rows = 0;
  while (result row{PQgetResult(conn)}) {
    auto status = PQresultStatus(row.get());
    if (status != PGRES_SINGLE_TUPLE && status != PGRES_TUPLES_OK)
      fail(conn_);
    if (status == PGRES_SINGLE_TUPLE)
      rows += *PQgetvalue(row.get(), 0, 0) == '\0' || *PQgetvalue(row.get(), 0, 1) == '\0' ? 0 : 1;
  }
  return rows;
}

} // namespace dbs::bench
