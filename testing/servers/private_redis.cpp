#include "dbs/testing/servers/private_redis.hpp"

#include "dbs/testing/servers/internal/percent_encode.hpp"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <utility>

namespace dbs::testing {

namespace {

namespace fs = std::filesystem;

struct release_context {
  void operator()(redisContext* x) const { redisFree(x); }
};

struct release_reply {
  void operator()(redisReply* x) const { freeReplyObject(x); }
};

using context_ptr = std::unique_ptr<redisContext, release_context>;
using reply_ptr = std::unique_ptr<redisReply, release_reply>;

/// A value of redis.conf, which escapes as C does.
std::string quoted_directive(const std::string& text) {
  std::string result = "\"";
  for (char c : text) {
    if (c == '\n')
      throw std::runtime_error("a Redis setting cannot hold a newline");
    if (c == '"' || c == '\\')
      result += '\\';
    result += c;
  }
  return result + '"';
}

std::string render(const redisReply& reply) {
  switch (reply.type) {
  case REDIS_REPLY_INTEGER:
    return std::to_string(reply.integer);
  case REDIS_REPLY_NIL:
    return "(nil)";
  case REDIS_REPLY_ARRAY:
  case REDIS_REPLY_MAP:
  case REDIS_REPLY_SET: {
    std::string lines;
    for (size_t i = 0; i < reply.elements; ++i)
      lines += (i > 0 ? "\n" : "") + render(*reply.element[i]);
    return lines;
  }
  default:
    return {reply.str, reply.len};
  }
}

std::string run(redisContext& context, const std::vector<std::string>& command) {
  std::vector<const char*> parts;
  std::vector<size_t> sizes;
  for (const auto& part : command) {
    parts.push_back(part.data());
    sizes.push_back(part.size());
  }
  reply_ptr reply{static_cast<redisReply*>(
      redisCommandArgv(&context, static_cast<int>(parts.size()), parts.data(), sizes.data()))};
  if (reply == nullptr)
    throw std::runtime_error(std::string{"Redis: "} + context.errstr);
  auto text = render(*reply);
  if (reply->type == REDIS_REPLY_ERROR)
    throw std::runtime_error("Redis: " + text);
  return text;
}

timeval to_timeval(std::chrono::milliseconds duration) {
  return {duration.count() / 1000, static_cast<suseconds_t>(duration.count() % 1000 * 1000)};
}

} // namespace

private_redis::private_redis(private_redis_options options)
    : private_server("redis", {"redis", "postgres"}, options.tls != tls_mode::off,
                     options.in_memory),
      options_(std::move(options)) {
  program_ = find_in_path("redis-server");
  if (program_.empty())
    throw std::runtime_error("redis-server was not found in PATH: install the package "
                             "'redis-server'");
  if (options_.tls == tls_mode::offered)
    second_port_.emplace();
  write_configuration();
  start();
}

private_redis::~private_redis() {
  try {
    kill();
  } catch (const std::exception&) {
    // A process that SIGKILL does not end: the directory's next sweep tries again.
  }
}

uint16_t private_redis::tls_port() const {
  certificates(); // throws where there is no TLS
  return second_port_ ? second_port_->number() : port();
}

std::string private_redis::url() const {
  std::string credentials;
  if (!options_.password.empty())
    credentials = ":" + internal::percent_encode(options_.password) + "@";
  return (options_.tls == tls_mode::required ? "rediss://" : "redis://") + credentials + host() +
         ":" + std::to_string(port());
}

void private_redis::write_configuration() {
  std::map<std::string, std::string> settings{
      {"bind", host()},
      {"port", std::to_string(options_.tls == tls_mode::required ? 0 : port())},
      {"unixsocket", socket_path().string()},
      {"dir", data_path().string()},
      {"daemonize", "no"},
      {"save", ""},
      {"appendonly", options_.persistent ? "yes" : "no"},
      {"appendfsync", "no"},
  };
  if (!options_.password.empty())
    settings["requirepass"] = options_.password;
  if (options_.tls != tls_mode::off) {
    settings["tls-port"] = std::to_string(tls_port());
    settings["tls-ca-cert-file"] = certificates().authority.string();
    settings["tls-cert-file"] = certificates().certificate.string();
    settings["tls-key-file"] = certificates().key.string();
    settings["tls-auth-clients"] = "no";
  }
  for (const auto& [name, value] : options_.settings)
    settings[name] = value;
  auto path = run_path() / "redis.conf";
  std::ofstream file{path};
  hand_over(path, fs::perms::owner_read | fs::perms::owner_write); // it holds passwords
  for (const auto& [name, value] : settings)
    file << name << ' ' << quoted_directive(value) << '\n';
  for (const auto& user : options_.users)
    file << "user " << user << '\n';
  if (!file.flush())
    throw std::runtime_error("cannot write " + path.string());
}

void private_redis::start(std::chrono::milliseconds within) {
  if (running())
    return;
  launch({.program = program_, .arguments = {(run_path() / "redis.conf").string()}});
  wait_accepting(within);
}

void private_redis::stop(std::chrono::milliseconds within) {
  end_with(SIGTERM, within);
}

void private_redis::wait_accepting(std::chrono::milliseconds within) const {
  await_ready("answering commands", within, [this] {
    try {
      return cli({"ping"}, std::chrono::seconds{1}) == "PONG";
    } catch (const std::runtime_error&) {
      return false;
    }
  });
}

std::string private_redis::cli(const std::vector<std::string>& command,
                               std::chrono::milliseconds within) const {
  if (command.empty())
    throw std::invalid_argument("cli needs a command");
  auto timeout = to_timeval(within);
  context_ptr context{redisConnectUnixWithTimeout(socket_path().c_str(), timeout)};
  if (context == nullptr || context->err != 0)
    throw std::runtime_error(std::string{"Redis: cannot connect: "} +
                             (context != nullptr ? context->errstr : "out of memory"));
  redisSetTimeout(context.get(), timeout);
  if (!options_.password.empty())
    run(*context, {"AUTH", options_.password});
  return run(*context, command);
}

} // namespace dbs::testing
