#include "dbs/runtime/redis/socket_transport.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/io/socket_set.hpp"
#include "dbs/runtime/redis/internal/server_error.hpp"
#include "dbs/runtime/redis/internal/tls.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

namespace dbs::redis {

namespace {

/// A peer that is gone without a word is noticed by the kernel within this time while
/// something is on its way to it.
constexpr unsigned user_timeout_ms = 10'000;

/// A socket address of any family.
struct address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

/// After so many reads in a row others on the loop get their turn.
constexpr int reads_per_event = 16;

/// What all transports of a factory share.
struct shared_tls {
  std::string ca_file;
  /// Null until somebody needs it.
  internal::tls_context context;
};

/// False if `host` is not a number, perhaps with a zone.
bool parse_numeric(const std::string& host, uint16_t port, address& out) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0)
    return false;
  std::memcpy(&out.storage, found->ai_addr, found->ai_addrlen);
  out.size = found->ai_addrlen;
  freeaddrinfo(found);
  return true;
}

class socket_transport final : public transport, private socket_watcher {
public:
  socket_transport(loop_environment& env, const redis_target& target,
                   std::shared_ptr<shared_tls> tls, transport_observer& observer)
      : env_(env), target_(target), shared_(std::move(tls)), observer_(observer) {}

  ~socket_transport() override { close(); }

  socket_transport(const socket_transport&) = delete;
  socket_transport& operator=(const socket_transport&) = delete;

  void open() override {
    // Nobody is told anything from inside this call.
    env_.io().post([this, alive = std::weak_ptr{alive_}] {
      if (!alive.expired())
        env_.enter([this] { resolve(); });
    });
  }

  void close() noexcept override {
    alive_.reset();
    close_socket();
  }

  caf::expected<size_t> read(std::span<char> into) override;
  caf::expected<size_t> write(std::string_view bytes) override;

  std::string_view waits_for() const noexcept override { return waits_for_; }

private:
  enum class phase : uint8_t { connecting, securing, open };

  void resolve();
  void try_next();
  bool connect_to(const address& where);
  void secure();
  void handshake();
  void opened();
  void not_open(caf::error reason);
  void close_socket() noexcept;

  void on_readable() override;
  void on_writable() override;

  caf::error broken(int error_number) const {
    return fail(errc::connection_lost,
                "the connection to " + server() + " broke: " + internal::reason(error_number));
  }

  caf::error ended() const {
    return fail(errc::connection_lost, server() + " closed the connection");
  }

  std::string server() const { return "redis at " + endpoint_name(target_.address); }

  loop_environment& env_;
  const redis_target target_;
  const std::shared_ptr<shared_tls> shared_;
  transport_observer& observer_;
  /// Gone when it is closed, for what comes back from elsewhere.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::string_view waits_for_ = "name resolution";
  std::vector<address> addresses_; // the next one last
  int last_error_ = 0;
  phase phase_ = phase::connecting;
  int socket_ = -1;
  socket_set::key key_ = 0;
  std::optional<internal::tls_session> tls_;
  /// The last read got all there was.
  bool drained_ = false;
  /// Since the socket was found readable.
  int reads_ = 0;
};

// -- opening -------------------------------------------------------------------------

void socket_transport::resolve() {
  auto& [host, port] = target_.address;
  address found;
  if (host.starts_with('/')) {
    auto& local = reinterpret_cast<sockaddr_un&>(found.storage);
    if (host.size() >= sizeof(local.sun_path))
      return not_open(fail(errc::config_invalid,
                           "redis.url: '" + host + "': " + internal::reason(ENAMETOOLONG)));
    local.sun_family = AF_UNIX;
    std::memcpy(local.sun_path, host.c_str(), host.size() + 1);
    found.size = sizeof(local);
  }
  if (found.size > 0 || parse_numeric(host, port, found)) {
    addresses_.push_back(found);
    return try_next();
  }
  env_.names().resolve(
      host, [this, alive = std::weak_ptr{alive_}](caf::expected<std::vector<std::string>> names) {
        if (alive.expired())
          return;
        env_.enter([&] {
          if (!names)
            return not_open(fail(errc::connection_lost, "cannot resolve '" + target_.address.host +
                                                            "': " + detail(names.error()).what));
          for (auto i = names->rbegin(); i != names->rend(); ++i)
            if (address numeric; parse_numeric(*i, target_.address.port, numeric))
              addresses_.push_back(numeric);
          try_next();
        });
      });
}

void socket_transport::try_next() {
  waits_for_ = "connection";
  while (!addresses_.empty()) {
    auto where = addresses_.back();
    addresses_.pop_back();
    if (connect_to(where))
      return;
    last_error_ = errno;
    close_socket();
  }
  not_open(fail(errc::connection_lost,
                internal::reason(last_error_) + " at " + endpoint_name(target_.address)));
}

bool socket_transport::connect_to(const address& where) {
  auto family = where.storage.ss_family;
  socket_ = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket_ < 0)
    return false;
  if (family != AF_UNIX) {
    // Without them, it is only slower, or later to notice that the peer is gone.
    int on = 1;
    setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(socket_, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(socket_, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms, sizeof(user_timeout_ms));
  }
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&where.storage), where.size) != 0 &&
      errno != EINPROGRESS)
    return false;
  key_ = env_.io().sockets().add(socket_, *this);
  if (key_ == 0)
    return false;
  phase_ = phase::connecting;
  env_.io().sockets().await_writable(key_);
  return true;
}

void socket_transport::secure() {
  waits_for_ = "TLS";
  phase_ = phase::securing;
  if (shared_->context == nullptr) {
    auto context = internal::make_tls_context(shared_->ca_file);
    if (!context)
      return not_open(std::move(context.error()));
    shared_->context = std::move(*context);
  }
  auto session = internal::tls_session::make(*shared_->context, socket_, target_.address.host);
  if (!session)
    return not_open(std::move(session.error()));
  tls_.emplace(std::move(*session));
  handshake();
}

void socket_transport::handshake() {
  using outcome = internal::tls_session::outcome;
  switch (tls_->handshake()) {
  case outcome::done:
    return opened();
  case outcome::wants_read:
    return env_.io().sockets().await_readable(key_);
  case outcome::wants_write:
    return env_.io().sockets().await_writable(key_);
  case outcome::failed:
    shared_->context = nullptr; // the authorities may have been replaced
    return not_open(fail(errc::connection_lost,
                         "no TLS session with " + server() + ": " + tls_->handshake_problem()));
  }
}

void socket_transport::opened() {
  phase_ = phase::open;
  env_.io().sockets().await_readable(key_);
  observer_.on_open();
}

void socket_transport::not_open(caf::error reason) {
  close_socket();
  observer_.on_not_open(std::move(reason));
}

void socket_transport::close_socket() noexcept {
  if (socket_ < 0)
    return;
  env_.io().sockets().remove(key_);
  tls_.reset();
  ::close(socket_);
  socket_ = -1;
  key_ = 0;
}

// -- events ----------------------------------------------------------------------------

// What the observer does may end the owner and with it this object: nothing comes after.

void socket_transport::on_readable() {
  env_.enter([this] {
    drained_ = false;
    reads_ = 0;
    if (phase_ == phase::securing)
      handshake();
    else
      observer_.on_readable();
  });
}

void socket_transport::on_writable() {
  env_.enter([this] {
    if (phase_ == phase::open)
      return observer_.on_writable();
    if (phase_ == phase::securing)
      return handshake();
    int problem = 0;
    socklen_t size = sizeof(problem);
    getsockopt(socket_, SOL_SOCKET, SO_ERROR, &problem, &size);
    if (problem != 0) {
      last_error_ = problem;
      close_socket();
      try_next();
    } else if (target_.tls) {
      secure();
    } else {
      opened();
    }
  });
}

// -- bytes ---------------------------------------------------------------------------

caf::expected<size_t> socket_transport::read(std::span<char> into) {
  auto wait = [this] {
    env_.io().sockets().await_readable(key_);
    return size_t{0};
  };
  if (++reads_ > reads_per_event && !(tls_ && tls_->has_decrypted()))
    return wait();
  if (tls_) {
    using outcome = internal::tls_session::outcome;
    size_t got = 0;
    auto result = tls_->read(into, got);
    if (result == outcome::failed || (result == outcome::done && got == 0))
      return ended();
    return result == outcome::done ? got : wait();
  }
  // A read that was not filled has got everything: to ask again would cost a call.
  if (std::exchange(drained_, false))
    return wait();
  auto got = recv(socket_, into.data(), into.size(), 0);
  if (got == 0)
    return ended();
  if (got < 0)
    return errno == EAGAIN || errno == EINTR ? caf::expected<size_t>{wait()}
                                             : caf::expected<size_t>{broken(errno)};
  drained_ = static_cast<size_t>(got) < into.size();
  return static_cast<size_t>(got);
}

caf::expected<size_t> socket_transport::write(std::string_view bytes) {
  auto wait = [this] {
    env_.io().sockets().await_writable(key_);
    return size_t{0};
  };
  if (tls_) {
    using outcome = internal::tls_session::outcome;
    size_t taken = 0;
    auto result = tls_->write(bytes, taken);
    if (result == outcome::failed)
      return ended();
    return result == outcome::done ? taken : wait();
  }
  auto taken = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (taken >= 0)
    return static_cast<size_t>(taken);
  if (errno == EAGAIN || errno == EINTR)
    return wait();
  return broken(errno);
}

} // namespace

transport_factory make_socket_transports(loop_environment& environment,
                                         const redis_settings& settings) {
  return [&environment, target = settings.target,
          tls = std::make_shared<shared_tls>(shared_tls{settings.ca_file, nullptr})](
             transport_observer& observer) -> transport_ptr {
    return std::make_unique<socket_transport>(environment, target, tls, observer);
  };
}

std::string endpoint_name(const host_port& address) {
  if (address.host.starts_with('/'))
    return address.host;
  auto host = address.host.find(':') == std::string::npos ? address.host : "[" + address.host + "]";
  return host + ":" + std::to_string(address.port);
}

} // namespace dbs::redis
