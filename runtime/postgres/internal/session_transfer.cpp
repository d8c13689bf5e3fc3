// Streams of rows and COPY: statements that take more than one answer.
#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/postgres/internal/session.hpp"

#include <cassert>
#include <utility>

namespace dbs::postgres::internal {

// -- steps -----------------------------------------------------------------------

void session::start_transfer(pg_transfer_action kind, const pg_statement& statement,
                             pg_chunk_size chunks) {
  if (!begin(false))
    return;
  if (auto problem = check(statement))
    return answer_later(std::move(problem));
  transfer_.kind = kind;
  transfer_.chunks = chunks;
  auto ok = add_execute(statement, 0, {});
  if (ok && kind == pg_transfer_action::stream) {
    transfer_.rows.expect(chunks);
    ok = PQsetSingleRowMode(conn_.get()) == 1;
  }
  sent(ok);
}

void session::next_chunk() {
  assert(owed_ == 0 && "the chunk before is owed");
  owed_ = 1;
  proceed_later();
}

void session::write_copy(std::string_view data) {
  owed_ = 1;
  // 0 is for lack of memory: in non-blocking mode libpq's buffer grows.
  if (PQputCopyData(conn_.get(), data.data(), static_cast<int>(data.size())) != 1)
    return lose_later();
  transfer_.writing = true;
  env_.io().later([self = shared_from_this()] {
    if (!self->closed_ && !self->lost_)
      self->env_.enter([&self] { self->write_on(); });
  });
}

void session::finish_copy() {
  owed_ = 1;
  transfer_.finished = true;
  end_copy(nullptr);
}

void session::discard() {
  if (!running())
    return; // it could not be sent, and the answer that says so is under way
  owed_ = 1;
  transfer_.discarding = true;
  transfer_.writing = false;
  transfer_.rows.clear();
  transfer_.data.clear();
  if (transfer_.turn == copying::client)
    return end_copy("the COPY was stopped");
  proceed_later();
}

void session::end_copy(const char* failure) {
  transfer_.turn = copying::nobody;
  if (PQputCopyEnd(conn_.get(), failure) != 1 || !flush())
    lose_later();
}

void session::write_on() {
  if (!flush())
    return lose();
  if (!unsent_ && std::exchange(transfer_.writing, false))
    answer_chunk({});
}

void session::proceed_later() {
  env_.io().later([self = shared_from_this()] {
    if (!self->closed_ && !self->lost_)
      self->env_.enter([&self] { self->proceed(); });
  });
}

// -- what arrives ----------------------------------------------------------------

bool session::take_copy(ExecStatusType direction) {
  if (transfer_.kind == pg_transfer_action::copy_out && direction == PGRES_COPY_OUT) {
    transfer_.turn = copying::server;
    return true;
  }
  if (transfer_.kind == pg_transfer_action::copy_in && direction == PGRES_COPY_IN) {
    transfer_.turn = copying::client;
    if (transfer_.discarding)
      end_copy("the COPY was stopped");
    else
      answer_chunk({});
    return true;
  }
  // libpq would return this for ever, and there is no way back that does not move
  // data.
  error_ = fail(errc::invalid_argument,
                "COPY needs a session's copy_in or copy_out; the connection was closed");
  farewell_ = error_detail{"closed by DatabaseServices because of a COPY", {}, {}, {}};
  return false;
}

bool session::take_copy_data() {
  char* row = nullptr;
  auto size = PQgetCopyData(conn_.get(), &row, 1);
  if (size == 0)
    return false;
  if (size < 0) {
    // Its end, good or bad: the result says which.
    transfer_.turn = copying::nobody;
    return true;
  }
  if (!transfer_.discarding)
    transfer_.data.append(row, static_cast<size_t>(size));
  PQfreemem(row);
  return true;
}

void session::give_chunk() {
  pg_chunk chunk;
  if (transfer_.kind == pg_transfer_action::stream) {
    auto rows = transfer_.rows.take();
    if (!rows) {
      error_ = std::move(rows.error());
      transfer_.discarding = true;
      return;
    }
    chunk.rows = std::move(*rows);
  } else {
    chunk.data = blob{transfer_.data};
    transfer_.data.clear();
  }
  answer_chunk(std::move(chunk));
}

void session::answer_chunk(pg_chunk chunk) {
  owed_ = 0;
  observer_.on_chunk(handle_, std::move(chunk));
}

} // namespace dbs::postgres::internal
