// From a host name to a usable session: resolve, connect, TLS, log in.
#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/redis/internal/core.hpp"
#include "dbs/runtime/redis/internal/server_error.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>

#include <caf/deep_to_string.hpp>

#include <algorithm>
#include <string>

namespace dbs::redis {

namespace {

namespace asio = boost::asio;

using tcp = asio::ip::tcp;
using code_type = boost::system::error_code;

/// More addresses of a name than this are not tried.
constexpr size_t max_addresses = 16;

constexpr std::string_view phase_names[] = {"", "name resolution", "connection", "TLS", "login", "",
                                            ""};

/// What the server said when it refused something of the login.
std::string text_of(const caf::error& refusal) {
  return detail(refusal).what;
}

/// The refusal is about who we are.
bool is_about_credentials(std::string_view text) {
  return text.starts_with("NOAUTH") || text.starts_with("WRONGPASS") ||
         text.starts_with("NOPERM") || text.starts_with("ERR invalid password") ||
         text.starts_with("ERR AUTH");
}

/// The server takes nobody at the moment, or nobody from here.
bool is_about_everybody(std::string_view text) {
  return text.starts_with("DENIED") || text.starts_with("LOADING") ||
         text.starts_with("ERR max number of clients");
}

/// What may be repeated of an answer to AUTH. A server that does not know the command
/// quotes it, password included, so only texts that are known to be harmless pass.
std::string without_password(const std::string& text, const secret& password) {
  auto harmless = is_about_credentials(text) || is_about_everybody(text);
  if (harmless && (password.empty() || text.find(password.reveal()) == std::string::npos))
    return text;
  return text.substr(0, text.find(' ')) + " (the rest may quote the password)";
}

} // namespace

void connection::core::connect(ready_callback on_ready, closed_callback on_closed) {
  on_ready_ = std::move(on_ready);
  on_closed_ = std::move(on_closed);
  phase_ = phase::resolving;
  connect_timer_ = timers_.schedule_after(settings_.connect_timeout, [weak = weak_from_this()] {
    if (auto self = weak.lock())
      self->on_connect_timeout();
  });
  resolve();
}

void connection::core::resolve() {
  auto& address = settings_.target.address;
  endpoints found;
  if (address.host.starts_with('/')) {
    // Asio throws on a path that is too long for a socket.
    try {
      found.emplace_back(asio::local::stream_protocol::endpoint{address.host});
      return open(std::move(found));
    } catch (const boost::system::system_error& e) {
      return abort(fail(errc::config_invalid,
                        "redis.url: '" + address.host + "': " + internal::reason(e.code())));
    }
  }
  // Asio looks names up on a thread of its own; a number needs none.
  code_type code;
  auto numeric = asio::ip::make_address(address.host, code);
  if (!code) {
    found.emplace_back(tcp::endpoint{numeric, address.port});
    return open(std::move(found));
  }
  resolver_.async_resolve(
      address.host, std::to_string(address.port), tcp::resolver::numeric_service,
      entering([](core& self, code_type failed, const tcp::resolver::results_type& results) {
        auto& host = self.settings_.target.address.host;
        if (failed)
          return self.close(fail(errc::connection_lost,
                                 "cannot resolve '" + host + "': " + internal::reason(failed)));
        endpoints addresses;
        for (auto& result : results)
          if (addresses.size() < max_addresses)
            addresses.emplace_back(result.endpoint());
        self.open(std::move(addresses));
      }));
}

void connection::core::open(endpoints found) {
  phase_ = phase::connecting;
  asio::async_connect(
      stream_.socket(), found,
      entering([](core& self, code_type code, const endpoints::value_type& endpoint) {
        if (code)
          return self.close(
              fail(errc::connection_lost,
                   internal::reason(code) + " at " + endpoint_name(self.settings_.target.address)));
        if (endpoint.protocol().family() != AF_UNIX) {
          code_type ignored; // without it, it is only slower
          self.stream_.socket().set_option(tcp::no_delay{true}, ignored);
        }
        if (self.settings_.target.tls)
          self.secure();
        else
          self.log_in();
      }));
}

void connection::core::secure() {
  phase_ = phase::securing;
  if (auto problem = stream_.use_tls(settings_.ca_file, settings_.target.address.host))
    return close(std::move(problem));
  stream_.async_handshake(entering([](core& self, code_type code) {
    if (code)
      return self.close(fail(errc::connection_lost, "no TLS session with " + self.server() + ": " +
                                                        self.stream_.handshake_problem(code)));
    self.log_in();
  }));
}

/// All steps go out in one write; the first that is refused ends the connection.
void connection::core::log_in() {
  phase_ = phase::logging_in;
  read();
  authenticate();
  select();
  introduce();
}

void connection::core::authenticate() {
  auto& target = settings_.target;
  if (target.user.empty() && target.password.empty())
    return;
  std::vector<std::string_view> words{"AUTH"};
  if (!target.user.empty())
    words.emplace_back(target.user);
  words.emplace_back(target.password.reveal());
  append(words,
         [this](const caf::expected<reply_ptr>& answer) {
           if (answer || phase_ == phase::closed)
             return;
           auto text = text_of(answer.error());
           auto code = is_about_everybody(text) ? errc::peer_unavailable : errc::unauthenticated;
           close(fail(code, server() + " refused the login: " +
                                without_password(text, settings_.target.password)));
         },
         {});
}

void connection::core::select() {
  if (settings_.target.db == 0)
    return;
  append(std::vector<std::string_view>{"SELECT", std::to_string(settings_.target.db)},
         [this](const caf::expected<reply_ptr>& answer) {
           if (answer || phase_ == phase::closed)
             return;
           auto text = text_of(answer.error());
           auto code = is_about_credentials(text)    ? errc::unauthenticated
                       : text.starts_with("ERR DB ") ? errc::config_invalid
                                                     : errc::peer_unavailable;
           close(fail(code, server() + " refused database " + std::to_string(settings_.target.db) +
                                ": " + text));
         },
         {});
}

void connection::core::introduce() {
  append(std::vector<std::string_view>{"CLIENT", "SETNAME", "dbs"},
         [this](const caf::expected<reply_ptr>& answer) {
           if (phase_ == phase::closed)
             return;
           if (!answer) {
             auto text = text_of(answer.error());
             // The name is a courtesy that users and proxies may not have.
             if (!text.starts_with("NOPERM") && !text.starts_with("ERR unknown"))
               return close(
                   fail(is_about_credentials(text) ? errc::unauthenticated : errc::peer_unavailable,
                        server() + " refused the login: " + text));
           }
           phase_ = phase::ready;
           timers_.cancel(connect_timer_);
           std::exchange(on_ready_, nullptr)();
         },
         {});
}

void connection::core::on_connect_timeout() {
  if (phase_ == phase::closed)
    return;
  auto waiting_for = phase_names[static_cast<size_t>(phase_)];
  close(fail(errc::connection_lost, "no usable connection to " + server() + " within " +
                                        caf::deep_to_string(settings_.connect_timeout) +
                                        " (waited for " + std::string{waiting_for} + ")"));
}

} // namespace dbs::redis
