// Sending statements and receiving their answers.
#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/postgres/batch_rules.hpp"
#include "dbs/runtime/postgres/internal/pq_errors.hpp"
#include "dbs/runtime/postgres/internal/pq_result.hpp"
#include "dbs/runtime/postgres/internal/session.hpp"
#include "dbs/runtime/postgres/statement_class.hpp"

#include <openssl/ssl.h>

#include <cassert>
#include <unordered_map>
#include <utility>

namespace dbs::postgres::internal {

namespace {

/// Evicted statements are deallocated together with the next new one, at most so
/// many at a time.
constexpr size_t max_discards = 32;

/// Inside a transaction they are not, since a DEALLOCATE that failed would take the
/// transaction with it. Beyond so many, new statements run unprepared instead.
constexpr size_t max_doomed_in_transaction = 32;

/// Longer texts run unprepared: the cache is bounded by the number of statements, and
/// such a text is seldom seen twice.
constexpr size_t max_prepared_sql = 16 * 1024;

/// What a transfer reads in one go before it lets others have the turn: libpq reads up
/// to 16 KiB at once.
constexpr int max_reads = 8;

/// Of the result, as libpq counts formats.
int format_of(const pg_statement& statement) {
  return statement.binary ? 1 : 0;
}

} // namespace

// -- sending ---------------------------------------------------------------------

void session::execute(const pg_statement& statement) {
  if (!begin(false))
    return;
  if (statement.prepare)
    if (auto* entry = cache_.find(statement.sql))
      if (statement.params.error().empty())
        return send_cached(*entry, statement);
  if (auto problem = check(statement))
    return answer_later(std::move(problem));
  if (!worth_preparing(statement))
    return send_plain(statement);
  auto ok = open_pipeline() && add_prepare(statement, 0);
  sent_ = ok ? 1 : 0; // libpq may flush a long one before the rest is there
  sent(ok && add_execute(statement, 0, preparing_.back().name) && add_sync());
}

void session::execute_batch(std::span<const pg_statement> statements) {
  if (!begin(false))
    return;
  for (size_t i = 0; i < statements.size(); ++i)
    if (auto problem = check(statements[i]))
      return answer_later(fail(errc::invalid_argument,
                               "statement " + std::to_string(i) + ": " + detail(problem).what,
                               {statement_field(i)}));
  batch_ = true;
  // A text that comes twice is prepared once.
  std::unordered_map<std::string_view, const std::string*> names;
  auto ok = open_pipeline();
  for (size_t i = 0; i < statements.size() && ok; ++i) {
    auto& statement = statements[i];
    const std::string* name = nullptr;
    if (auto known = names.find(statement.sql); statement.prepare && known != names.end()) {
      name = known->second;
    } else if (auto* entry = statement.prepare ? cache_.find(statement.sql) : nullptr) {
      dirty_ = dirty_ || entry->touches_session;
      name = &entry->name;
    } else if (worth_preparing(statement)) {
      ok = add_prepare(statement, i);
      name = &preparing_.back().name;
    }
    if (name != nullptr)
      names.emplace(statement.sql, name);
    ok = ok && add_execute(statement, i, name != nullptr ? *name : "");
    sent_ = 1;
  }
  sent(ok && add_sync());
}

void session::command(std::string_view sql) {
  if (!begin(true))
    return;
  plan_.push_back({step::execute, 0, {}, false});
  sent(PQsendQuery(conn_.get(), std::string{sql}.c_str()) == 1);
}

bool session::begin(bool own_command) {
  assert(owed_ == 0 && "a statement is running");
  owed_ = 1;
  own_command_ = own_command;
  batch_ = false;
  sent_ = 0;
  if (conn_ != nullptr && !farewell_)
    return true;
  answer_later(fail(errc::connection_lost, "there is no connection to " + endpoint()));
  return false;
}

caf::error session::check(const pg_statement& statement) {
  if (auto& problem = statement.params.error(); !problem.empty())
    return fail(errc::invalid_argument, problem);
  if (statement.sql.find('\0') != std::string::npos)
    return fail(errc::invalid_argument, "a statement contains a zero byte");
  return {};
}

bool session::may_prepare(const pg_statement& statement) const {
  return statement.prepare && cache_.enabled() && statement.sql.size() <= max_prepared_sql;
}

bool session::worth_preparing(const pg_statement& statement) const {
  auto in_transaction = PQtransactionStatus(conn_.get()) != PQTRANS_IDLE;
  return may_prepare(statement) &&
         !(in_transaction && cache_.doomed() >= max_doomed_in_transaction);
}

void session::send_cached(statement_cache::entry& entry, const pg_statement& statement) {
  cached_ = &entry;
  dirty_ = dirty_ || entry.touches_session;
  plan_.push_back({step::execute, 0, entry.name, false});
  sent(PQsendQueryPrepared(conn_.get(), entry.name.c_str(),
                           static_cast<int>(statement.params.size()), values_of(statement.params),
                           nullptr, nullptr, format_of(statement)) == 1);
}

void session::send_plain(const pg_statement& statement) {
  sent(add_execute(statement, 0, {}));
}

bool session::open_pipeline() {
  auto* conn = conn_.get();
  auto in_transaction = PQtransactionStatus(conn) != PQTRANS_IDLE;
  return PQenterPipelineMode(conn) == 1 && (in_transaction || add_discards());
}

bool session::add_discards() {
  // Behind a sync of their own, before the statement: one that failed must not
  // take the statement with it, nor meet a transaction that the statement begins.
  auto discards = cache_.take_doomed(max_discards);
  for (auto& name : discards) {
    plan_.push_back({step::discard, 0, {}, false});
    if (PQsendQueryParams(conn_.get(), ("DEALLOCATE " + name).c_str(), 0, nullptr, nullptr, nullptr,
                          nullptr, 0) != 1)
      return false;
  }
  return discards.empty() || add_sync();
}

bool session::add_prepare(const pg_statement& statement, size_t index) {
  auto touches = touches_session(statement.sql);
  dirty_ = dirty_ || touches;
  auto& entry = preparing_.emplace_back(
      statement_cache::entry{statement.sql, cache_.next_name(), touches, false});
  plan_.push_back({step::prepare, index, entry.name, false});
  return PQsendPrepare(conn_.get(), entry.name.c_str(), entry.sql.c_str(), 0, nullptr) == 1;
}

bool session::add_execute(const pg_statement& statement, size_t index, std::string name) {
  auto& params = statement.params;
  auto count = static_cast<int>(params.size());
  auto* values = values_of(params);
  auto* conn = conn_.get();
  auto format = format_of(statement);
  auto ok = false;
  if (name.empty()) {
    dirty_ = dirty_ || touches_session(statement.sql);
    ok = PQsendQueryParams(conn, statement.sql.c_str(), count, nullptr, values, nullptr, nullptr,
                           format) == 1;
  } else {
    ok = PQsendQueryPrepared(conn, name.c_str(), count, values, nullptr, nullptr, format) == 1;
  }
  plan_.push_back({step::execute, index, std::move(name), false});
  return ok;
}

bool session::add_sync() {
  plan_.push_back({step::sync, 0, {}, false});
  return PQpipelineSync(conn_.get()) == 1;
}

const char* const* session::values_of(const pg_params& params) {
  values_.resize(params.size());
  for (size_t i = 0; i < values_.size(); ++i)
    values_[i] = params.c_str(i);
  return values_.data();
}

void session::sent(bool accepted) {
  // A call that failed with the connection intact has sent nothing. One that broke
  // it may have.
  if (accepted || PQstatus(conn_.get()) == CONNECTION_BAD)
    sent_ = owed_;
  if (!plan_.empty())
    plan_.back().last = true;
  if (!accepted || !flush())
    lose_later();
}

bool session::flush() {
  auto left = PQflush(conn_.get());
  unsent_ = left > 0;
  if (unsent_)
    socket_.await_writable();
  return left >= 0;
}

void session::answer_later(caf::error reason) {
  env_.io().later([self = shared_from_this(), reason = std::move(reason)] {
    if (!self->closed_ && self->owed_ > 0)
      self->env_.enter([&self, &reason] { self->answer(reason); });
  });
}

void session::forget_statements() {
  cache_.forget();
  for (auto& x : preparing_)
    x.outdated = true;
  cached_ = nullptr;
}

// -- receiving -------------------------------------------------------------------

void session::on_readable() {
  auto self = shared_from_this();
  env_.enter([this] {
    // It also writes what is left to write: no deadlock if both sides are full.
    if (PQconsumeInput(conn_.get()) != 1)
      break_off();
    proceed();
  });
}

void session::on_writable() {
  auto self = shared_from_this();
  env_.enter([this] { write_on(); });
}

void session::proceed() {
  if (running()) {
    // Even from a connection that has just ended, what arrived before counts.
    auto usable = collect();
    if (closed_ || lost_)
      return;
    if (!usable)
      break_off();
  }
  if (!running())
    watch_idle();
  if (closed_)
    return;
  if (farewell_)
    lose();
  else if (!waits_for_step())
    await_input();
}

void session::await_input() {
  // libpq does not always take the whole of a record from OpenSSL, and for the rest no
  // socket gets readable.
  auto* tls = static_cast<SSL*>(PQsslStruct(conn_.get(), "OpenSSL"));
  if (tls == nullptr || SSL_pending(tls) == 0)
    return socket_.await_readable();
  env_.io().post([self = shared_from_this()] {
    if (!self->closed_ && !self->lost_)
      self->on_readable();
  });
}

bool session::collect() {
  auto* conn = conn_.get();
  auto reads = max_reads;
  while (!waits_for_step()) {
    if (transfer_.chunk_complete()) {
      give_chunk();
      if (closed_)
        return true;
      continue;
    }
    if (transfer_.turn == copying::client)
      return true;
    if (PQisBusy(conn) != 0) {
      if (!transfer_.kind || reads-- == 0)
        return true;
      if (PQconsumeInput(conn) != 1)
        return false;
      if (PQisBusy(conn) != 0)
        return true;
    }
    if (transfer_.turn == copying::server) {
      if (!take_copy_data())
        return true;
      continue;
    }
    pq_answer got{PQgetResult(conn)};
    if (PQresultStatus(got.get()) == PGRES_SINGLE_TUPLE) {
      if (!transfer_.discarding)
        transfer_.rows.add(std::move(got));
    } else if (got != nullptr) {
      if (!take(std::move(got)))
        return false;
      if (closed_ || !running())
        return true;
    } else if (PQstatus(conn) == CONNECTION_BAD) {
      return false; // in pipeline mode there is null after null from here on
    } else if (end_step()) {
      complete();
      if (closed_ || !running())
        return true;
    }
  }
  return true;
}

bool session::end_step() {
  auto done = std::move(plan_.front());
  plan_.pop_front();
  if (done.what == step::prepare)
    preparing_.pop_front();
  return done.last;
}

bool session::take(pq_answer got) {
  switch (PQresultStatus(got.get())) {
  case PGRES_TUPLES_OK:
  case PGRES_COMMAND_OK:
  case PGRES_EMPTY_QUERY:
    return take_result(std::move(got));
  case PGRES_PIPELINE_SYNC:
    // No null follows.
    if (end_step())
      complete();
    return true;
  case PGRES_PIPELINE_ABORTED:
    return true;
  case PGRES_COPY_IN:
  case PGRES_COPY_OUT:
  case PGRES_COPY_BOTH:
    return take_copy(PQresultStatus(got.get()));
  default:
    return take_error(*got);
  }
}

bool session::take_result(pq_answer got) {
  auto what = current();
  if (what == step::prepare) {
    auto& prepared = preparing_.front();
    if (prepared.outdated) {
      cache_.doom(prepared.name);
    } else {
      auto& entry = cache_.insert(std::move(prepared));
      if (!batch_)
        cached_ = &entry;
    }
  }
  if (what != step::execute)
    return true;
  std::string_view tag = PQcmdStatus(got.get());
  drops_statements_ = drops_statements_ || tag_drops_statements(tag);
  if (!batch_) {
    last_ = std::move(got);
    return true;
  }
  dirty_ = dirty_ || tag_touches_session(tag);
  auto part = to_pg_result(*got);
  if (part)
    observer_.on_part(handle_, std::move(*part));
  else if (!error_)
    error_ = std::move(part.error());
  return true;
}

bool session::take_error(const PGresult& got) {
  auto info = detail_of(got);
  if (is_fatal(got) || PQstatus(conn_.get()) == CONNECTION_BAD) {
    if (!farewell_)
      farewell_ = std::move(info);
    return false;
  }
  if (current() == step::discard)
    return true; // the statement was gone already
  if (!error_) {
    // Without SQLSTATE libpq itself complains, say for lack of memory, about an
    // answer that it could not take.
    auto code = info.sqlstate.empty() ? errc::in_doubt : errc::query_failed;
    if (auto* name = lost_statement(info))
      info.fields.push_back({"lost_statement", *name});
    if (batch_)
      info.fields.push_back(statement_field(plan_.front().statement));
    error_ = fail(code, std::move(info));
  }
  return true;
}

const std::string* session::lost_statement(const error_detail& error) const {
  auto& now = plan_.front();
  // duplicate_prepared_statement: the user, or another client of a proxy between us
  // and the server, has taken the name.
  if (error.sqlstate == "42P05" && now.what == step::prepare)
    return &now.name;
  // invalid_sql_statement_name: the server has dropped the statement, say by DISCARD
  // ALL in a function. An EXECUTE of the user's has the same; the name is in the text,
  // whatever its language.
  if (error.sqlstate == "26000" && !now.name.empty() &&
      error.what.find(now.name) != std::string::npos)
    return &now.name;
  return nullptr;
}

void session::forget_plan() {
  plan_.clear();
  preparing_.clear();
  cached_ = nullptr;
  if (transfer_.kind)
    transfer_ = {};
}

void session::complete() {
  auto* conn = conn_.get();
  if (!running() && PQpipelineStatus(conn) != PQ_PIPELINE_OFF && PQexitPipelineMode(conn) != 1)
    break_off();
  caf::expected<pg_result> result{pg_result{}};
  if (error_)
    result = std::move(error_);
  else if (last_ != nullptr)
    result = transfer_.kind ? transfer_.rows.take(*last_) : to_pg_result(*last_);
  if (last_ != nullptr && !own_command_ && (cached_ == nullptr || !cached_->tag_seen)) {
    auto touches = tag_touches_session(PQcmdStatus(last_.get()));
    dirty_ = dirty_ || touches;
    if (cached_ != nullptr) {
      cached_->touches_session = cached_->touches_session || touches;
      cached_->tag_seen = true;
    }
  }
  auto transfers = transfer_.kind && !transfer_.discarding;
  blob data;
  if (transfers)
    data = blob{transfer_.data};
  cached_ = nullptr;
  if (transfer_.kind)
    transfer_ = {};
  last_.reset();
  error_.reset();
  if (std::exchange(drops_statements_, false))
    cache_.clear();
  // What the server said right behind the answer must be known before the owner
  // sends the next statement.
  if (!running())
    watch_idle();
  if (closed_)
    return;
  if (transfers && result)
    answer_chunk({std::move(*result), std::move(data), true});
  else
    answer(std::move(result));
}

void session::watch_idle() {
  // Parses whatever has arrived, notices among it. Once the owner has destroyed the
  // connection, there is none to ask for more.
  while (pq_notification event{PQnotifies(conn_.get())})
    observer_.on_notification(handle_, event->relname, event->extra, event->be_pid);
}

void session::on_notice(void* self, const PGresult* notice) {
  // When a session is idle, or its server crashes, the reason why it ends comes as
  // a notice: FATAL, or a warning of class 57P0x.
  auto* state = PQresultErrorField(notice, PG_DIAG_SQLSTATE);
  auto ends = state != nullptr && std::string_view{state}.substr(0, 4) == "57P0";
  if (ends || is_fatal(*notice))
    static_cast<session*>(self)->farewell_ = detail_of(*notice);
}

} // namespace dbs::postgres::internal
