// Owning pointers for libpq's objects.
#pragma once

#include <libpq-fe.h>

#include <memory>

namespace dbs::postgres::internal {

struct pq_deleter {
  void operator()(PGconn* ptr) const noexcept { PQfinish(ptr); }
  void operator()(PGresult* ptr) const noexcept { PQclear(ptr); }
  void operator()(PGcancel* ptr) const noexcept { PQfreeCancel(ptr); }
  void operator()(PGnotify* ptr) const noexcept { PQfreemem(ptr); }
};

using pq_conn = std::unique_ptr<PGconn, pq_deleter>;
using pq_answer = std::unique_ptr<PGresult, pq_deleter>;
using pq_cancel = std::unique_ptr<PGcancel, pq_deleter>;
using pq_notification = std::unique_ptr<PGnotify, pq_deleter>;

} // namespace dbs::postgres::internal
