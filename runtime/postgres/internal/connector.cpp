#include "dbs/runtime/postgres/internal/connector.hpp"

#include "dbs/messages/error_detail.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace dbs::postgres::internal {

namespace {

/// Without one, libpq prints notices to standard error.
void drop_notice(void*, const PGresult*) {}

/// Every host would say the same.
bool is_final(const std::string& sqlstate) {
  return sqlstate.compare(0, 2, "28") == 0 || sqlstate == "3D000";
}

std::string seconds(caf::timespan span) {
  auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(span).count();
  return ms % 1000 == 0 ? std::to_string(ms / 1000) + " s" : std::to_string(ms) + " ms";
}

/// The first setting for the output of values that is not what our types decode, of those
/// that a server reports; empty if there is none.
std::string foreign_format(const PGconn& conn) {
  for (auto [setting, wanted] :
       {std::pair{"DateStyle", "ISO"}, std::pair{"IntervalStyle", "postgres"}}) {
    auto* value = PQparameterStatus(&conn, setting);
    std::string_view reported = value != nullptr ? value : "";
    // Behind a comma DateStyle has the order of days and months, for input alone.
    if (reported.substr(0, reported.find(',')) != wanted)
      return std::string{setting} + " " + wanted;
  }
  return {};
}

} // namespace

connector::connector(connection_environment& env, const database_settings& settings, callback done)
    : env_(env), hosts_(settings.target.hosts), timeout_(settings.connect_timeout),
      keywords_(settings, problem_), pooled_(settings.transaction_pooler), role_(keywords_.role()),
      done_(std::move(done)), socket_(env.io().sockets(), *this) {
  if (hosts_.empty())
    problem_ = fail(errc::config_invalid, "the database has no host to connect to");
}

void connector::start() {
  env_.io().later([self = shared_from_this()] {
    if (!self->done_)
      return;
    self->env_.enter([&self] {
      if (self->problem_)
        self->finish(self->problem_);
      else
        self->next_host();
    });
  });
}

void connector::stop() {
  if (!done_)
    return;
  close();
  env_.timers().cancel(timer_);
  done_ = nullptr;
}

// -- hosts and addresses ---------------------------------------------------------

void connector::next_host() {
  if (host_ == hosts_.size()) {
    if (role_ == session_role::prefer_standby && role_missed_) {
      role_ = session_role::any; // none is a standby: take what there is
      host_ = 0;
    } else {
      finish(summary());
      return;
    }
  }
  auto& host = hosts_[host_].host;
  host_deadline_ = env_.timers().now() + timeout_;
  addresses_.clear();
  address_ = 0;
  auto step = ++step_;
  env_.timers().cancel(timer_);
  if (needs_no_lookup(host)) {
    addresses_.emplace_back(); // libpq takes it from the host
    next_address();
    return;
  }
  timer_ =
      env_.timers().schedule(host_deadline_, [self = shared_from_this()] { self->on_deadline(); });
  env_.names().resolve(
      host, [weak = weak_from_this(), step](caf::expected<std::vector<std::string>> found) {
        auto self = weak.lock();
        if (self == nullptr || !self->done_)
          return;
        self->env_.enter([&] { self->on_resolved(step, std::move(found)); });
      });
}

void connector::on_resolved(uint64_t step, caf::expected<std::vector<std::string>> addresses) {
  if (step != step_)
    return; // its host has had its time
  if (!addresses) {
    host_failed({detail(addresses.error()).what, {}});
    return;
  }
  addresses_ = std::move(*addresses);
  next_address();
}

void connector::next_address() {
  if (address_ == addresses_.size()) {
    ++host_;
    next_host();
    return;
  }
  auto now = env_.timers().now();
  auto share = (host_deadline_ - now) / static_cast<int64_t>(addresses_.size() - address_);
  env_.timers().cancel(timer_);
  timer_ =
      env_.timers().schedule(now + share, [self = shared_from_this()] { self->on_deadline(); });
  conn_.reset(keywords_.with_address(hosts_[host_], addresses_[address_],
                                     [](const char** names, const char** values) {
                                       return PQconnectStartParams(names, values, 0);
                                     }));
  if (conn_ == nullptr) {
    address_failed({"out of memory", {}});
    return;
  }
  PQsetNoticeReceiver(conn_.get(), drop_notice, nullptr);
  // The only way to learn the SQLSTATE of a refusal.
  PQsetErrorVerbosity(conn_.get(), PQERRORS_VERBOSE);
  if (PQstatus(conn_.get()) == CONNECTION_BAD)
    address_failed(parse_connect_error(PQerrorMessage(conn_.get())));
  else
    wait(PGRES_POLLING_WRITING);
}

// -- one address -----------------------------------------------------------------

void connector::wait(PostgresPollingStatusType direction) {
  // Opened anew each time: libpq may have replaced its socket by one with the same
  // number.
  if (!socket_.open(PQsocket(conn_.get()))) {
    address_failed({"no file descriptor is left", {}});
    return;
  }
  if (direction == PGRES_POLLING_READING)
    socket_.await_readable();
  else
    socket_.await_writable();
}

void connector::on_readable() {
  auto self = shared_from_this();
  env_.enter([this] { poll(); });
}

void connector::on_writable() {
  on_readable();
}

void connector::poll() {
  socket_.close();
  switch (auto status = PQconnectPoll(conn_.get())) {
  case PGRES_POLLING_OK:
    on_established();
    break;
  case PGRES_POLLING_READING:
  case PGRES_POLLING_WRITING:
    wait(status);
    break;
  default:
    address_failed(parse_connect_error(PQerrorMessage(conn_.get())));
    break;
  }
}

void connector::on_established() {
  auto* conn = conn_.get();
  auto mismatch = role_mismatch(role_, PQparameterStatus(conn, "in_hot_standby"),
                                PQparameterStatus(conn, "default_transaction_read_only"));
  if (!mismatch.empty()) {
    role_missed_ = true;
    host_failed({std::move(mismatch), {}});
  } else if (auto missing = pooled_ ? foreign_format(*conn) : ""; !missing.empty()) {
    address_failed({"its sessions do not have " + missing +
                        ", which cannot be set through a pooler: set it for the role or the "
                        "database",
                    {}});
  } else if (PQsetnonblocking(conn, 1) != 0) {
    address_failed({first_line(PQerrorMessage(conn), "the socket stays blocking"), {}});
  } else {
    finish(session{std::move(conn_), hosts_[host_]});
  }
}

void connector::on_deadline() {
  timer_ = {};
  connect_problem problem{"no answer within " + seconds(timeout_), {}};
  if (addresses_.empty())
    problem.cause = "no answer from name resolution within " + seconds(timeout_);
  else if (addresses_.size() > 1)
    problem.cause = "no answer within its share of " + seconds(timeout_);
  if (addresses_.empty())
    host_failed(problem);
  else
    address_failed(problem);
}

// -- outcomes --------------------------------------------------------------------

void connector::address_failed(const connect_problem& problem) {
  note(problem);
  close();
  if (is_final(problem.sqlstate)) {
    finish(summary());
    return;
  }
  ++address_;
  next_address();
}

void connector::host_failed(const connect_problem& problem) {
  note(problem);
  close();
  ++host_;
  next_host();
}

void connector::note(const connect_problem& problem) {
  attempts_.push_back({hosts_[host_], problem.cause + " at " + place(), problem.sqlstate});
}

void connector::close() {
  ++step_;
  socket_.close();
  conn_.reset();
}

void connector::finish(caf::expected<session> outcome) {
  close();
  env_.timers().cancel(timer_);
  std::exchange(done_, nullptr)(std::move(outcome));
}

caf::error connector::summary() const {
  // The last word has a server that answered, if one did.
  auto last = std::find_if(attempts_.rbegin(), attempts_.rend(),
                           [](const attempt& x) { return !x.sqlstate.empty(); });
  auto& decisive = last != attempts_.rend() ? *last : attempts_.back();
  error_detail info;
  info.sqlstate = decisive.sqlstate;
  info.fields = {{"host", decisive.server.host},
                 {"port", static_cast<int64_t>(decisive.server.port)}};
  for (size_t i = 0; i < attempts_.size(); ++i) {
    info.what += (i > 0 ? "; " : "") + attempts_[i].text;
    info.fields.push_back({"attempt." + std::to_string(i + 1), attempts_[i].text});
  }
  return fail(errc::connection_lost, std::move(info));
}

std::string connector::place() const {
  auto& server = hosts_[host_];
  auto result = endpoint_name(server);
  if (address_ < addresses_.size() && !addresses_[address_].empty())
    result += " (" + addresses_[address_] + ')';
  return result;
}

} // namespace dbs::postgres::internal
