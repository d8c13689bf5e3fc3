// Raw libpq, as fast as it goes without a pool or actors. Connections stay open
// from round to round.
#pragma once

#include "harness/load.hpp"

#include <libpq-fe.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace dbs::bench {

struct libpq_closer {
  void operator()(PGconn* conn) const { PQfinish(conn); }
};

using libpq_connection = std::unique_ptr<PGconn, libpq_closer>;

/// Draws keys of the table `kv`, as text.
class random_key {
public:
  std::string operator()();

private:
  std::minstd_rand random_{1};
};

/// One thread, several connections in non-blocking mode under poll(2), one prepared
/// select outstanding on each.
class libpq_mux {
public:
  libpq_mux(const std::string& conninfo, int connections);

  load_summary run(window how);

private:
  struct slot {
    libpq_connection conn;
    load_recorder::clock::time_point sent{};
    bool busy = false;
  };

  void send(slot& s, load_recorder::clock::time_point now);
  /// True when the whole answer is there.
  static bool receive(slot& s);

  std::vector<slot> slots_;
  random_key keys_;
};

/// One connection in pipeline mode: so many selects, one sync, all results, again.
class libpq_pipeline {
public:
  libpq_pipeline(const std::string& conninfo, int per_sync);

  /// Counts syncs.
  load_summary run(window how);

private:
  libpq_connection conn_;
  int per_sync_;
  random_key keys_;
};

/// One thread, several connections in pipeline mode under poll(2), each with so many
/// selects under way, each of these with a sync of its own.
class libpq_pipelines {
public:
  libpq_pipelines(const std::string& conninfo, int connections, int depth);

  load_summary run(window how);

private:
  struct slot {
    libpq_connection conn;
    /// When those under way were sent, the oldest first.
    std::deque<load_recorder::clock::time_point> sent;
  };

  void send(slot& s, load_recorder::clock::time_point now);
  /// Takes the answers that have arrived, and sends as many again.
  void receive(slot& s, load_recorder& recorder);

  std::vector<slot> slots_;
  size_t depth_;
  random_key keys_;
};

/// One connection, synchronous: PQexecPrepared in a loop.
class libpq_sync {
public:
  explicit libpq_sync(const std::string& conninfo);

  load_summary run(window how);

private:
  libpq_connection conn_;
  random_key keys_;
};

/// One connection in single-row mode.
class libpq_single_row {
public:
  explicit libpq_single_row(const std::string& conninfo);

  /// Reads every cell and returns the number of rows without an empty one.
  int64_t run(const char* sql);

private:
  libpq_connection conn_;
};

} // namespace dbs::bench
