#include "dbs/runtime/http/internal/session.hpp"

#include "dbs/runtime/http/internal/response_head.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/string.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace dbs::http_internal {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;

constexpr size_t read_bytes = 4096;
constexpr size_t max_lingered_bytes = 256 * 1024;
constexpr caf::timespan linger_timeout = std::chrono::seconds{2};

bool is_known(bhttp::verb method) {
  switch (method) {
  case bhttp::verb::get:
  case bhttp::verb::head:
  case bhttp::verb::post:
  case bhttp::verb::put:
  case bhttp::verb::patch:
  case bhttp::verb::delete_:
  case bhttp::verb::options:
    return true;
  default:
    return false;
  }
}

std::string lower_case(std::string_view text) {
  std::string result{text};
  std::transform(result.begin(), result.end(), result.begin(), beast::detail::ascii_tolower);
  return result;
}

std::string_view to_view(beast::string_view text) {
  return {text.data(), text.size()};
}

} // namespace

session::session(std::shared_ptr<core> owner, socket_type socket, bool over_unix_socket,
                 bool rejected)
    : core_(std::move(owner)), socket_(std::move(socket)),
      buffer_(core_->options.max_header_bytes + read_bytes), over_unix_socket_(over_unix_socket),
      rejected_(rejected) {}

void session::start() {
  if (rejected_)
    write(http_error(503, "overloaded", "there are too many connections", {{"Retry-After", "1"}}),
          false);
  else
    next_request();
}

void session::drain() {
  if (phase_ != phase::idle)
    return;
  // A request that has arrived, but was not read yet, is under way.
  error_code ec;
  if (socket_.available(ec) == 0 || ec)
    finish();
}

void session::answer_unfinished() {
  if (phase_ != phase::handling)
    return;
  ++serial_;
  write(http_error(503, "draining",
                   "the node shuts down; what the request asked for may have "
                   "been done"),
        false);
}

void session::close() {
  phase_ = phase::closed;
  core_->timers.cancel(timer_);
  error_code ignored;
  socket_.close(ignored);
}

void session::finish() {
  close();
  core_->remove(*this);
}

// -- reading ---------------------------------------------------------------------

void session::next_request() {
  parser_.emplace();
  parser_->header_limit(core_->options.max_header_bytes);
  parser_->body_limit(core_->options.max_body_bytes);
  header_checked_ = false;
  ++serial_;
  if (buffer_.size() == 0) {
    enter_phase(phase::idle, core_->options.idle_timeout);
    read();
  } else {
    enter_phase(phase::reading, core_->options.request_timeout);
    parse();
  }
}

void session::read() {
  // The parser refuses what does not fit, so there is always room.
  auto room = std::min(read_bytes, buffer_.max_size() - buffer_.size());
  socket_.async_read_some(buffer_.prepare(room),
                          [self = shared_from_this(), id = ++read_id_](error_code ec, size_t n) {
                            self->core_->guarded([&] { self->on_read(id, ec, n); });
                          });
}

void session::on_read(uint64_t id, error_code ec, size_t bytes) {
  if (id != read_id_ || phase_ == phase::closed)
    return;
  if (phase_ == phase::lingering) {
    lingered_ += bytes;
    if (ec || lingered_ > max_lingered_bytes)
      finish();
    else
      read();
    return;
  }
  if (ec == asio::error::eof && phase_ == phase::reading) {
    refuse(http_error(400, "bad_request", "the request ends too early"));
    return;
  }
  if (ec) {
    finish();
    return;
  }
  buffer_.commit(bytes);
  if (phase_ == phase::idle)
    enter_phase(phase::reading, core_->options.request_timeout);
  parse();
}

void session::parse() {
  for (;;) {
    error_code ec;
    auto used = parser_->put(buffer_.data(), ec);
    buffer_.consume(used);
    if (ec && ec != bhttp::error::need_more) {
      on_parse_error(ec);
      return;
    }
    if (parser_->is_header_done() && !header_checked_) {
      header_checked_ = true;
      if (auto wrong = check_header()) {
        refuse(std::move(*wrong));
        return;
      }
      parser_->eager(true);
      if (!parser_->is_done() && buffer_.size() == 0 &&
          beast::iequals(parser_->get()[bhttp::field::expect], "100-continue")) {
        send_continue();
        return;
      }
    }
    if (parser_->is_done()) {
      dispatch();
      return;
    }
    if (buffer_.size() == buffer_.max_size()) {
      refuse(http_error(400, "bad_request", "the chunk header is too long"));
      return;
    }
    if (ec || buffer_.size() == 0) {
      read();
      return;
    }
  }
}

void session::on_parse_error(error_code ec) {
  if (ec == bhttp::error::header_limit)
    refuse(http_error(431, "headers_too_large",
                      "the headers exceed " + std::to_string(core_->options.max_header_bytes) +
                          " bytes"));
  else if (ec == bhttp::error::body_limit || ec == bhttp::error::buffer_overflow)
    refuse(
        http_error(413, "payload_too_large",
                   "the body exceeds " + std::to_string(core_->options.max_body_bytes) + " bytes"));
  else
    refuse(http_error(400, "bad_request", "the request is not HTTP/1.1: " + ec.message()));
}

std::optional<http_response> session::check_header() {
  auto& msg = parser_->get();
  if (!is_known(msg.method()))
    return http_error(501, "not_implemented", "the method is not supported");
  if (msg.count(bhttp::field::host) > 1 ||
      (msg.version() >= 11 && msg.count(bhttp::field::host) == 0))
    return http_error(400, "bad_request", "there must be one Host header");
  // Requests whose end two readers may see in different places are how requests
  // are smuggled past a proxy (RFC 9112, 6.1).
  auto encodings = msg.count(bhttp::field::transfer_encoding);
  if (encodings > 0 && (msg.version() < 11 || msg.count(bhttp::field::content_length) > 0))
    return http_error(400, "bad_request", "the length of the body is ambiguous");
  if (encodings > 1 ||
      (encodings == 1 && !beast::iequals(msg[bhttp::field::transfer_encoding], "chunked")))
    return http_error(501, "not_implemented", "the transfer encoding is not supported");
  if (msg.count(bhttp::field::expect) > 0 &&
      !beast::iequals(msg[bhttp::field::expect], "100-continue"))
    return http_error(417, "expectation_failed", "only 100-continue can be expected");
  auto target = to_view(msg.target());
  if (target.size() > core_->options.max_target_bytes)
    return http_error(414, "target_too_long",
                      "the target exceeds " + std::to_string(core_->options.max_target_bytes) +
                          " bytes");
  auto parsed = parse_target(target);
  if (!parsed)
    return http_error(400, "bad_request", "the target is malformed");
  target_ = std::move(*parsed);
  return std::nullopt;
}

void session::send_continue() {
  static constexpr std::string_view interim = "HTTP/1.1 100 Continue\r\n\r\n";
  asio::async_write(socket_, asio::buffer(interim),
                    [self = shared_from_this(), serial = serial_](error_code ec, size_t) {
                      self->core_->guarded([&] {
                        if (self->phase_ != phase::reading || self->serial_ != serial)
                          return;
                        if (ec)
                          self->finish();
                        else
                          self->read();
                      });
                    });
}

// -- handling --------------------------------------------------------------------

void session::dispatch() {
  enter_phase(phase::handling, core_->options.answer_timeout);
  ++core_->stats.requests;
  ++served_;
  auto& msg = parser_->get();
  http_request request;
  request.method = to_view(msg.method_string());
  request.path = std::move(target_.path);
  request.segments = std::move(target_.segments);
  request.query = std::move(target_.query);
  for (auto& x : msg)
    request.headers.emplace_back(lower_case(to_view(x.name_string())), to_view(x.value()));
  request.body = std::move(msg.body());
  request.over_unix_socket = over_unix_socket_;
  auto deliver = [weak = weak_from_this(), serial = serial_](http_response response) {
    if (auto self = weak.lock())
      self->answer(serial, std::move(response));
  };
  auto grant = [weak = weak_from_this(), serial = serial_](caf::timespan limit) {
    if (auto self = weak.lock(); self && self->phase_ == phase::handling && self->serial_ == serial)
      self->enter_phase(phase::handling, limit);
  };
  http_responder responder{deliver, grant};
  try {
    core_->handler(std::move(request), responder);
  } catch (...) {
    // What went wrong is for the log of whoever threw, not for the client.
    responder.answer(http_error(500, "internal", "the request failed"));
  }
}

void session::answer(uint64_t serial, http_response response) {
  if (phase_ != phase::handling || serial != serial_)
    return;
  write(std::move(response), parser_->keep_alive() &&
                                 served_ < core_->options.max_requests_per_connection &&
                                 !core_->draining);
}

void session::refuse(http_response response) {
  ++core_->stats.bad_requests;
  write(std::move(response), false);
}

// -- writing ---------------------------------------------------------------------

void session::write(http_response response, bool keep_open) {
  if (!is_well_formed(response))
    response = http_error(500, "internal", "the answer is malformed");
  // Whatever read is outstanding must not touch what follows.
  ++read_id_;
  error_code ignored;
  socket_.cancel(ignored);
  enter_phase(phase::writing, core_->options.request_timeout);
  keep_open_ = keep_open;
  head_ = response_head(response, keep_open);
  auto is_head =
      parser_ && parser_->is_header_done() && parser_->get().method() == bhttp::verb::head;
  body_ = is_head || !may_have_body(response.status) ? std::string{} : std::move(response.body);
  std::array<asio::const_buffer, 2> parts{asio::buffer(head_), asio::buffer(body_)};
  asio::async_write(socket_, parts, [self = shared_from_this()](error_code ec, size_t) {
    self->core_->guarded([&] { self->on_written(ec); });
  });
}

void session::on_written(error_code ec) {
  if (phase_ != phase::writing)
    return;
  body_.clear();
  body_.shrink_to_fit();
  if (ec)
    finish();
  else if (keep_open_)
    next_request();
  else
    linger();
}

void session::linger() {
  error_code ec;
  socket_.shutdown(socket_type::shutdown_send, ec);
  if (ec) {
    finish();
    return;
  }
  buffer_.clear();
  enter_phase(phase::lingering, linger_timeout);
  read();
}

// -- time ------------------------------------------------------------------------

void session::enter_phase(phase next, caf::timespan limit) {
  phase_ = next;
  core_->timers.cancel(timer_);
  timer_ = core_->timers.schedule_after(limit, [weak = weak_from_this()] {
    if (auto self = weak.lock())
      self->on_timeout();
  });
}

void session::on_timeout() {
  timer_ = {};
  switch (phase_) {
  case phase::reading:
    ++core_->stats.timeouts;
    refuse(http_error(408, "request_timeout", "the request did not arrive in time"));
    break;
  case phase::handling:
    ++core_->stats.timeouts;
    ++serial_;
    write(http_error(503, "answer_timeout", "the request was not answered in time"), false);
    break;
  case phase::writing:
    ++core_->stats.timeouts;
    finish();
    break;
  case phase::idle:
  case phase::lingering:
    finish();
    break;
  case phase::closed:
    break;
  }
}

} // namespace dbs::http_internal
