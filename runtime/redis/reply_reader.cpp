#include "dbs/runtime/redis/reply_reader.hpp"

#include "dbs/messages/error_detail.hpp"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <new>
#include <string>

namespace dbs::redis {

namespace {

struct free_reader {
  void operator()(redisReader* reader) const noexcept { redisReaderFree(reader); }
};

caf::error out_of_bounds(errc code, const std::string& what, size_t limit) {
  return fail(code, what, {{"limit", static_cast<int64_t>(limit)}});
}

} // namespace

void free_reply::operator()(redisReply* reply) const noexcept {
  freeReplyObject(reply);
}

struct reply_reader::state {
  explicit state(reply_limits bounds) : limits(bounds), reader(redisReaderCreate()) {
    if (reader == nullptr)
      throw std::bad_alloc();
    functions = *reader->fn;
    make_array = functions.createArray;
    functions.createArray = make_bounded_array;
    reader->fn = &functions;
    reader->privdata = this;
    reader->maxelements = static_cast<long long>(limits.max_elements);
  }

  /// Called by hiredis for every array, set and map before it allocates it; null
  /// stops the parser.
  static void* make_bounded_array(const redisReadTask* task, size_t elements) {
    auto& self = *static_cast<state*>(task->privdata);
    size_t depth = 1;
    for (auto* up = task->parent; up != nullptr; up = up->parent)
      ++depth;
    if (depth > self.limits.max_depth) {
      self.broken =
          out_of_bounds(errc::protocol_error, "a reply nests too deeply", self.limits.max_depth);
      return nullptr;
    }
    if (elements > self.limits.max_elements - self.elements) {
      self.broken = out_of_bounds(errc::protocol_error, "a reply has too many elements",
                                  self.limits.max_elements);
      return nullptr;
    }
    self.elements += elements;
    return self.make_array(task, elements);
  }

  std::string_view unparsed() const {
    return {reader->buf + reader->pos, reader->len - reader->pos};
  }

  /// Checks what hiredis would collect without end.
  caf::error check_unfinished() const {
    if (received > limits.max_bytes)
      return out_of_bounds(errc::payload_too_large, "a reply is too large", limits.max_bytes);
    auto rest = unparsed();
    if (rest.size() > limits.max_line &&
        rest.substr(0, limits.max_line).find("\r\n") == std::string_view::npos)
      return out_of_bounds(errc::protocol_error, "a line of a reply is too long", limits.max_line);
    return {};
  }

  const reply_limits limits;
  redisReplyObjectFunctions functions{};
  void* (*make_array)(const redisReadTask*, size_t) = nullptr;
  /// Of the reply that is not complete yet.
  size_t elements = 0;
  size_t received = 0;
  caf::error broken;
  /// Declared last: it uses `functions` until it is gone.
  std::unique_ptr<redisReader, free_reader> reader;
};

reply_reader::reply_reader(reply_limits limits) : state_(std::make_unique<state>(limits)) {}

reply_reader::~reply_reader() = default;

void reply_reader::feed(std::string_view bytes) {
  if (state_->broken)
    return;
  state_->received += bytes.size();
  if (redisReaderFeed(state_->reader.get(), bytes.data(), bytes.size()) != REDIS_OK)
    throw std::bad_alloc();
}

caf::expected<reply_ptr> reply_reader::next() {
  auto& x = *state_;
  if (x.broken)
    return x.broken;
  void* found = nullptr;
  if (redisReaderGetReply(x.reader.get(), &found) != REDIS_OK) {
    // Our own refusals reach hiredis as a failed allocation.
    if (!x.broken && x.reader->err == REDIS_ERR_OOM)
      throw std::bad_alloc();
    if (!x.broken)
      x.broken = fail(errc::protocol_error, x.reader->errstr);
    return x.broken;
  }
  if (found == nullptr) {
    x.broken = x.check_unfinished();
    if (x.broken)
      return x.broken;
    return reply_ptr{};
  }
  reply_ptr reply{static_cast<redisReply*>(found)};
  auto rest = x.unparsed().size();
  if (x.received - rest > x.limits.max_bytes) {
    x.broken = out_of_bounds(errc::payload_too_large, "a reply is too large", x.limits.max_bytes);
    return x.broken;
  }
  x.elements = 0;
  x.received = rest;
  return reply;
}

} // namespace dbs::redis
