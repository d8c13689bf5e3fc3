// One client connection of the HTTP server.
#pragma once

#include "dbs/runtime/http/internal/core.hpp"
#include "dbs/runtime/http/target.hpp"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/system/error_code.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace dbs::http_internal {

/// Reads a request, has it handled, writes the answer, and so on; requests that
/// arrive meanwhile stay in the socket. One timer at a time bounds every phase.
///
/// A connection is not closed right after its last answer: a client that is still
/// sending would get a reset, which may destroy the answer before it is read (RFC
/// 9112, 9.6). So the server ends its own direction, and reads and drops what
/// comes until the client closes or a bound is reached.
class session : public std::enable_shared_from_this<session> {
public:
  session(std::shared_ptr<core> owner, socket_type socket, bool over_unix_socket, bool rejected);

  void start();

  /// Closes if no request is under way.
  void drain();

  /// If a request is being handled, answers it with 503.
  void answer_unfinished();

  /// Closes without telling the core.
  void close();

  /// True if this client only gets 503.
  bool rejected() const noexcept { return rejected_; }

  bool over_unix_socket() const noexcept { return over_unix_socket_; }

private:
  using error_code = boost::system::error_code;
  using parser_type = boost::beast::http::request_parser<boost::beast::http::string_body>;

  enum class phase : uint8_t { idle, reading, handling, writing, lingering, closed };

  void next_request();
  void read();
  void on_read(uint64_t id, error_code ec, size_t bytes);
  void parse();
  void on_parse_error(error_code ec);
  /// What is wrong with the headers, if anything is.
  std::optional<http_response> check_header();
  void send_continue();
  void dispatch();
  void answer(uint64_t serial, http_response response);
  void refuse(http_response response);
  void write(http_response response, bool keep_open);
  void on_written(error_code ec);
  void linger();
  void enter_phase(phase next, caf::timespan limit);
  void on_timeout();
  void finish();

  std::shared_ptr<core> core_;
  socket_type socket_;
  boost::beast::flat_buffer buffer_;
  std::optional<parser_type> parser_;
  http_target target_;
  std::string head_;
  std::string body_;
  timer_queue::timer_id timer_;
  /// The current request; answers to former ones are ignored.
  uint64_t serial_ = 0;
  /// The current read; completions of cancelled ones are ignored.
  uint64_t read_id_ = 0;
  uint32_t served_ = 0;
  size_t lingered_ = 0;
  phase phase_ = phase::idle;
  bool over_unix_socket_;
  bool rejected_;
  bool header_checked_ = false;
  bool keep_open_ = false;
};

} // namespace dbs::http_internal
