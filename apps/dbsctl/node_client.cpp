#include "node_client.hpp"

#include "trust.hpp"

#include "dbs/messages/error_detail.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <fmt/core.h>

#include <sys/socket.h>
#include <unistd.h>

#include <chrono>

namespace dbs::ctl {

namespace {

namespace beast = boost::beast;
namespace http = beast::http;

using socket_stream = beast::basic_stream<boost::asio::local::stream_protocol>;

/// Answers of a node are bounded; this only guards against something else there.
constexpr uint64_t max_answer_bytes = uint64_t{256} << 20;

/// True if something was read that is not HTTP; a closed connection is none of that.
bool is_not_http(beast::error_code problem) {
  return problem && problem != http::error::end_of_stream &&
         problem != http::error::partial_message &&
         problem.category() == beast::error_code{http::error::end_of_stream}.category();
}

/// Empty if the listener may be trusted.
caf::error check_peer(int fd, const std::string& socket, bool named) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return fail(errc::forbidden, "cannot tell who listens at " + socket);
  if (!is_trusted(peer.uid, ::geteuid(), named))
    return fail(errc::forbidden, fmt::format("whoever listens at {} runs as user {}, not as you; "
                                             "nothing was sent",
                                             socket, peer.uid));
  return {};
}

} // namespace

caf::expected<node_answer> node_client::get(const std::string& target,
                                            caf::timespan timeout) const {
  return ask("GET", target, {}, timeout);
}

caf::expected<node_answer> node_client::post(const std::string& target, const nlohmann::json& body,
                                             caf::timespan timeout) const {
  // Arguments of a shell need not be UTF-8, which JSON must be.
  return ask("POST", target, body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
             timeout);
}

caf::expected<node_answer> node_client::ask(const char* method, const std::string& target,
                                            const std::string& body, caf::timespan timeout) const {
  boost::asio::io_context io;
  socket_stream stream{io};
  stream.expires_after(timeout);
  http::request<http::string_body> request{http::string_to_verb(method), target, 11};
  request.set(http::field::host, "localhost");
  request.set(http::field::content_type, "application/json");
  request.set(http::field::connection, "close");
  request.body() = body;
  request.prepare_payload();
  http::response_parser<http::string_body> answer;
  answer.body_limit(max_answer_bytes);
  beast::flat_buffer buffer;
  beast::error_code problem;
  caf::error not_trusted;
  // Only asynchronous operations of a Beast stream obey its timeout.
  auto then = [&problem](auto next) {
    return [&problem, next](beast::error_code ec, auto&&...) {
      problem = ec;
      if (!ec)
        next();
    };
  };
  auto sent = false;
  auto unreachable = [&, this](const std::string& why) {
    // A request that asks to change something may have been carried out.
    if (sent && request.method() == http::verb::post)
      return fail(errc::in_doubt,
                  "the node at " + socket_ + " got the request and did not answer: " + why);
    return fail(errc::peer_unavailable, "cannot reach a node at " + socket_ + ": " + why);
  };
  auto read = [&] { http::async_read(stream, buffer, answer, then([] {})); };
  try {
    stream.async_connect(socket_stream::endpoint_type{socket_}, then([&] {
                           not_trusted =
                               check_peer(stream.socket().native_handle(), socket_, named_);
                           if (not_trusted)
                             return;
                           // A node that refuses a large request answers before it has read all of
                           // it.
                           http::async_write(stream, request, [&](beast::error_code ec, size_t) {
                             sent = !ec;
                             read();
                           });
                         }));
    io.run();
  } catch (const std::exception& e) {
    return unreachable(e.what());
  }
  if (not_trusted)
    return not_trusted;
  if (problem == beast::error::timeout)
    return unreachable(
        fmt::format("no answer within {} ms",
                    std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count()));
  if (is_not_http(problem))
    return fail(errc::protocol_error,
                "what listens at " + socket_ + " is no node: " + problem.message());
  if (problem)
    return unreachable(problem.message());
  auto parsed = nlohmann::json::parse(answer.get().body(), nullptr, false);
  if (!parsed.is_structured())
    return fail(errc::protocol_error, "what listens at " + socket_ + " is no node: no JSON");
  return node_answer{answer.get().result_int(), std::move(parsed)};
}

} // namespace dbs::ctl
