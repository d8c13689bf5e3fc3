// A million rows out of the database and into it.
#include "figures/all.hpp"
#include "figures/running_services.hpp"
#include "figures/servers.hpp"
#include "peers/libpq.hpp"
#include "peers/programs.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/testing/servers/temporary_directory.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <fmt/core.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace dbs::bench {

namespace {

constexpr int64_t row_count = 1'000'000;

/// Every row of `kv` ten times.
constexpr const char* many_rows = "SELECT k, v FROM generate_series(1, 10), kv";

using clock = std::chrono::steady_clock;

/// Rows per second since `began`.
double rate(clock::time_point began) {
  return static_cast<double>(row_count) /
         std::chrono::duration<double>{clock::now() - began}.count();
}

// -- out ---------------------------------------------------------------------------

/// Reads the rows, each cell of them, chunk by chunk.
class consumer {
public:
  static inline const char* name = "dbs.bench.consumer";

  consumer(caf::event_based_actor* self, database_client database, std::promise<int64_t> read)
      : self_(self), database_(std::move(database)), read_(std::move(read)) {}

  caf::behavior make_behavior() {
    database_.checkout(self_).then(
        [this](pg_session session) {
          session_ = std::move(session);
          session_.stream(self_, make_statement(many_rows))
              .then([this](const pg_chunk& chunk) { take(chunk); }, failed());
        },
        failed());
    // An actor lives as long as it has a behavior or answers to wait for.
    return {};
  }

private:
  void take(const pg_chunk& chunk) {
    for (auto row : chunk.rows)
      rows_ += row.text(0).empty() || row.text(1).empty() ? 0 : 1;
    if (chunk.last)
      return read_.set_value(rows_);
    session_.next(self_).then([this](const pg_chunk& more) { take(more); }, failed());
  }

  std::function<void(const caf::error&)> failed() {
    return [this](const caf::error& reason) {
      read_.set_exception(std::make_exception_ptr(std::runtime_error(describe(reason))));
    };
  }

  caf::event_based_actor* self_;
  database_client database_;
  std::promise<int64_t> read_;
  pg_session session_;
  int64_t rows_ = 0;
};

class stream : public duel {
protected:
  double ours() override {
    std::promise<int64_t> read;
    auto rows = read.get_future();
    auto began = clock::now();
    services_.system().spawn<caf::stateful_actor<consumer>>(services_.database(), std::move(read));
    return check(rows.get(), began);
  }

  double peer() override {
    auto began = clock::now();
    return check(peer_.run(many_rows), began);
  }

private:
  static double check(int64_t rows, clock::time_point began) {
    if (rows != row_count)
      throw std::runtime_error(fmt::format("{} rows came", rows));
    return rate(began);
  }

  servers servers_;
  running_services services_{servers_.settings()};
  libpq_single_row peer_{servers_.conninfo()};
};

// -- in ----------------------------------------------------------------------------

class copy_in : public duel {
public:
  copy_in() {
    servers_.postgres().psql("CREATE UNLOGGED TABLE loaded (k int, v text)");
    std::ofstream out{file_};
    for (int64_t i = 0; i < row_count; ++i)
      out << fmt::format("{}\t{:x>100}\n", i, i);
  }

protected:
  double ours() override {
    empty();
    auto session = services_.database().sync(services_.system()).checkout();
    check(session);
    std::ifstream in{file_};
    std::string piece(size_t{256} << 10, '\0');
    auto began = clock::now();
    check(session->copy_in("COPY loaded FROM STDIN"));
    while (in) {
      in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
      check(session->write(blob{{piece.data(), static_cast<size_t>(in.gcount())}}));
    }
    check(session->finish());
    return rate(began);
  }

  double peer() override {
    empty();
    return static_cast<double>(row_count) / psql_copy(servers_.postgres(), "loaded", file_).count();
  }

private:
  void empty() { servers_.postgres().psql("TRUNCATE loaded"); }

  template <class Outcome>
  static void check(const Outcome& outcome) {
    if (!outcome)
      throw std::runtime_error(describe(outcome.error()));
  }

  servers servers_;
  running_services services_{servers_.settings()};
  testing::temporary_directory directory_{"copy"};
  std::filesystem::path file_ = directory_.path() / "rows";
};

} // namespace

std::vector<figure> transfer_figures() {
  return {
      {"pool_stream_vs_libpq", "rows/s", placement::free, "raw libpq, single-row mode", ">= 0.8",
       make<stream>()},
      {"pool_copy_in_vs_psql", "rows/s", placement::free, "psql \\copy", ">= 0.8", make<copy_in>()},
  };
}

} // namespace dbs::bench
