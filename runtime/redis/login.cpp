// From an open transport to a usable session.
#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/redis/connection.hpp"

#include <caf/deep_to_string.hpp>

#include <string>

namespace dbs::redis {

namespace {

/// What `CLIENT LIST` shows.
constexpr std::string_view client_name = "dbs";

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

/// The server, or a proxy before it, does not do this for us.
bool is_about_command(std::string_view text) {
  return text.starts_with("NOPERM") || text.starts_with("ERR unknown") ||
         text.starts_with("NOPROTO");
}

/// What may be repeated of a refusal. A server that does not know a command quotes it,
/// password included, so only texts that are known to be harmless pass.
std::string without_password(std::string_view text, const secret& password) {
  auto harmless = is_about_credentials(text) || is_about_everybody(text);
  if (password.empty() || (harmless && text.find(password.reveal()) == std::string_view::npos))
    return std::string{text};
  return std::string{text.substr(0, text.find(' '))} + " (the rest may quote the password)";
}

} // namespace

void connection::open() {
  connect_timer_ =
      timers_.schedule_after(settings_.connect_timeout, [this] { on_connect_timeout(); });
  transport_->open();
}

void connection::on_open() {
  phase_ = phase::logging_in;
  log_in(login::hello);
}

void connection::on_connect_timeout() {
  auto waited_for = phase_ == phase::logging_in ? "login" : transport_->waits_for();
  close(fail(errc::connection_lost, "no usable connection to " + server() + " within " +
                                        caf::deep_to_string(settings_.connect_timeout) +
                                        " (waited for " + std::string{waited_for} + ")"));
}

/// Steps are sent one by one: what comes next depends on the answer.
void connection::log_in(login step) {
  auto& target = settings_.target;
  auto anonymous = target.user.empty() && target.password.empty();
  if (step == login::auth && anonymous)
    step = login::name;
  if (step == login::database && target.db == 0)
    step = login::ping;
  step_ = step;
  flight next;
  switch (step) {
  case login::hello:
    next.command = make_redis_command("HELLO", 3);
    if (!anonymous)
      next.command.add("AUTH")
          .add(target.user.empty() ? "default" : std::string_view{target.user})
          .add(target.password.reveal());
    next.command.add("SETNAME").add(client_name);
    break;
  case login::auth:
    next.command = make_redis_command("AUTH");
    if (!target.user.empty())
      next.command.add(target.user);
    next.command.add(target.password.reveal());
    break;
  case login::name:
    next.command = make_redis_command("CLIENT", "SETNAME", client_name);
    break;
  case login::database:
    next.command = make_redis_command("SELECT", target.db);
    break;
  case login::ping:
    next.command = make_redis_command("PING");
    break;
  }
  send(std::move(next));
}

void connection::on_login_reply(const redis_reply& reply) {
  auto refused = reply.type() == redis_type::error;
  switch (step_) {
  case login::hello:
    return on_hello(reply);
  case login::auth:
    return refused ? refuse_login(reply) : log_in(login::name);
  case login::name:
    // The name is a courtesy that users and proxies may not have.
    return refused && !is_about_command(reply.text()) ? refuse_login(reply)
                                                      : log_in(login::database);
  case login::database:
    return refused ? refuse_login(reply) : log_in(login::ping);
  case login::ping:
    // Users who may read and write need not have the right to PING.
    if (refused && !reply.text().starts_with("NOPERM "))
      return refuse_login(reply);
    if (!refused && reply.text() != "PONG")
      return close(
          fail(errc::protocol_error, server() + " answered PING with something else than PONG"));
    phase_ = phase::ready;
    timers_.cancel(connect_timer_);
    return observer_.on_ready(*this);
  }
}

void connection::on_hello(const redis_reply& reply) {
  if (reply.type() != redis_type::error) {
    resp3_ = true;
    return log_in(login::database);
  }
  if (is_about_command(reply.text()))
    log_in(login::auth);
  else
    refuse_login(reply);
}

void connection::refuse_login(const redis_reply& reply) {
  auto text = reply.text();
  auto code = is_about_credentials(text) ? errc::unauthenticated : errc::peer_unavailable;
  auto what = std::string{" refused the login: "};
  if (step_ == login::database) {
    what = " refused database " + std::to_string(settings_.target.db) + ": ";
    if (text.starts_with("ERR DB "))
      code = errc::config_invalid;
  } else if ((step_ == login::hello || step_ == login::auth) && !is_about_everybody(text)) {
    code = errc::unauthenticated;
  }
  close(fail(code, server() + what + without_password(text, settings_.target.password)));
}

} // namespace dbs::redis
