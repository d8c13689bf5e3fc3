#include "node_client.hpp"

#include "dbs/messages/error_detail.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

namespace dbs::ctl {

namespace {

namespace beast = boost::beast;
namespace http = beast::http;

using socket_stream = beast::basic_stream<boost::asio::local::stream_protocol>;

/// Answers of a node are bounded; this only guards against something else there.
constexpr uint64_t max_answer_bytes = uint64_t{256} << 20;

} // namespace

caf::expected<node_answer> node_client::get(const std::string& target) const {
  return ask("GET", target, {});
}

caf::expected<node_answer> node_client::post(const std::string& target,
                                             const nlohmann::json& body) const {
  return ask("POST", target, body.dump());
}

caf::expected<node_answer> node_client::ask(const char* method, const std::string& target,
                                            const std::string& body) const {
  boost::asio::io_context io;
  socket_stream stream{io};
  stream.expires_after(timeout_);
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
  // Only asynchronous operations of a Beast stream obey its timeout.
  auto then = [&problem](auto next) {
    return [&problem, next](beast::error_code ec, auto&&...) {
      problem = ec;
      if (!ec)
        next();
    };
  };
  try {
    stream.async_connect(
        socket_stream::endpoint_type{socket_}, then([&] {
          http::async_write(stream, request,
                            then([&] { http::async_read(stream, buffer, answer, then([] {})); }));
        }));
    io.run();
  } catch (const std::exception& e) {
    return fail(errc::peer_unavailable, "cannot reach a node at " + socket_ + ": " + e.what());
  }
  if (problem)
    return fail(errc::peer_unavailable,
                "cannot reach a node at " + socket_ + ": " + problem.message());
  auto parsed = nlohmann::json::parse(answer.get().body(), nullptr, false);
  if (parsed.is_discarded())
    return fail(errc::protocol_error, "the node's answer is no JSON");
  return node_answer{answer.get().result_int(), std::move(parsed)};
}

} // namespace dbs::ctl
