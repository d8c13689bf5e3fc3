// Connecting, cancelling and ending.
#include "dbs/runtime/postgres/internal/session.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/postgres/internal/connect_keywords.hpp"
#include "dbs/runtime/postgres/internal/pq_errors.hpp"

#include <algorithm>
#include <utility>

namespace dbs::postgres::internal {

session::session(connection_environment& env, const database_settings& settings,
                 connection_observer& observer, connection& handle)
    : env_(env), settings_(settings), observer_(observer), handle_(handle),
      socket_(env.io().sockets(), *this),
      cache_(settings.transaction_pooler ? 0 : settings.statement_cache) {}

// -- connecting ------------------------------------------------------------------

void session::connect() {
  connector_ = std::make_shared<connector>(
      env_, settings_, [weak = weak_from_this()](caf::expected<connector::session> outcome) {
        auto self = weak.lock();
        if (self == nullptr || self->closed_)
          return;
        self->connector_.reset();
        if (outcome)
          self->on_connected(std::move(*outcome));
        else
          self->observer_.on_connect_failed(self->handle_, std::move(outcome.error()));
      });
  connector_->start();
}

void session::on_connected(connector::session established) {
  conn_ = std::move(established.conn);
  server_ = std::move(established.server);
  auto* conn = conn_.get();
  backend_pid_ = PQbackendPID(conn);
  PQsetErrorVerbosity(conn, PQERRORS_DEFAULT);
  PQsetNoticeReceiver(conn, on_notice, this);
  if (!socket_.open(PQsocket(conn))) {
    release();
    observer_.on_connect_failed(handle_, fail(errc::connection_lost, "no file descriptor is left",
                                              {{"host", server_.host}}));
    return;
  }
  socket_.await_readable();
  watch_idle();
  observer_.on_connected(handle_);
  if (farewell_)
    lose();
}

std::string session::endpoint() const {
  auto& hosts = settings_.target.hosts;
  if (!server_.host.empty() || hosts.empty())
    return endpoint_name(server_);
  return endpoint_name(hosts.front());
}

transaction_status session::status() const {
  switch (PQtransactionStatus(conn_.get())) {
  case PQTRANS_IDLE:
    return transaction_status::idle;
  case PQTRANS_ACTIVE:
    return transaction_status::active;
  case PQTRANS_INTRANS:
    return transaction_status::in_transaction;
  case PQTRANS_INERROR:
    return transaction_status::failed;
  default:
    return transaction_status::unknown;
  }
}

// -- cancelling ------------------------------------------------------------------

void session::cancel() {
  if (std::exchange(cancelling_, true))
    return; // its answer will do
  auto settled = [weak = weak_from_this()] {
    auto self = weak.lock();
    if (self == nullptr || self->closed_)
      return;
    self->env_.enter([&self] {
      self->cancelling_ = false;
      self->observer_.on_cancel_settled(self->handle_);
    });
  };
  if (!send_cancel(settled))
    env_.io().later(settled);
}

bool session::send_cancel(std::function<void()> settled) {
  // Shared with the job, which may outlive the connection.
  std::shared_ptr<PGcancel> handle{conn_ != nullptr ? PQgetCancel(conn_.get()) : nullptr,
                                   pq_deleter{}};
  if (handle == nullptr)
    return false;
  // PQcancel blocks until the server has closed the socket of the request, which it
  // does once the signal is sent.
  auto send = [handle = std::move(handle)] {
    char ignored[256]; // whatever it says, the request is over
    PQcancel(handle.get(), ignored, sizeof(ignored));
  };
  return env_.cancels().submit(std::move(send), env_.io(), std::move(settled));
}

// -- ending ----------------------------------------------------------------------

void session::break_off() {
  if (!farewell_)
    farewell_ =
        error_detail{first_line(PQerrorMessage(conn_.get()), "no reason given"), {}, {}, {}};
}

void session::lose() {
  if (closed_ || lost_)
    return;
  lost_ = true;
  break_off();
  auto why = std::move(*farewell_);
  why.what = "the connection to " + endpoint() + " broke: " + why.what;
  release();
  auto undone = transfer_.kind == pg_transfer_action::copy_in && !transfer_.finished;
  forget_plan();
  // An error that the server reported stands, whatever happened next.
  if (owed_ > 0 && error_)
    answer(std::move(error_));
  // From within an answer the owner may have sent the next one.
  while (!closed_ && owed_ > 0)
    answer(fail(sent_ > 0 && !undone ? errc::in_doubt : errc::connection_lost, why));
  if (closed_)
    return;
  observer_.on_lost(handle_, fail(errc::connection_lost, std::move(why)));
}

void session::lose_later() {
  env_.io().later([self = shared_from_this()] {
    if (!self->closed_)
      self->env_.enter([&self] { self->lose(); });
  });
}

void session::answer(caf::expected<pg_result> result) {
  --owed_;
  sent_ -= std::min<size_t>(sent_, 1);
  observer_.on_result(handle_, std::move(result));
}

void session::release() {
  socket_.close();
  last_.reset();
  conn_.reset();
}

void session::close() {
  closed_ = true;
  if (connector_ != nullptr)
    connector_->stop();
  // A server does not look at its socket while it works: what runs would go on.
  if ((owed_ > 0 || running()) && !cancelling_)
    send_cancel([] {});
  release();
}

} // namespace dbs::postgres::internal
