#include "dbs/runtime/redis/reply_reader.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/redis/reply_nodes.hpp"
#include "dbs/runtime/redis/internal/server_error.hpp"

#include <hiredis/hiredis.h>

#include <new>
#include <string>

namespace dbs::redis {

namespace {

using dbs::internal::reply_node;

struct free_reader {
  void operator()(redisReader* reader) const noexcept { redisReaderFree(reader); }
};

caf::error out_of_bounds(errc code, const std::string& what, size_t limit) {
  return fail(code, what, {{"limit", static_cast<int64_t>(limit)}});
}

redis_type type_of_aggregate(int type) {
  switch (type) {
  case REDIS_REPLY_MAP:
    return redis_type::map;
  case REDIS_REPLY_SET:
    return redis_type::set;
  case REDIS_REPLY_PUSH:
    return redis_type::push;
  default:
    return redis_type::array;
  }
}

/// "txt:" before the bytes of a verbatim string.
constexpr size_t verbatim_format_size = 4;

} // namespace

struct reply_reader::state {
  explicit state(reply_limits bounds)
      : limits(bounds), reader(redisReaderCreateWithFunctions(&functions)) {
    if (reader == nullptr)
      throw std::bad_alloc();
    reader->privdata = this;
    reader->maxelements = static_cast<long long>(limits.max_elements);
  }

  /// Appends a node, or makes a reply of it where it is all: elements may go on behind it. What
  /// hiredis gets is an object that is not null; null stops the parser.
  void* add(const redisReadTask* task, const reply_node& node, bool goes_on = false) {
    try {
      if (task->parent == nullptr && !goes_on) {
        whole =
            redis_reply::from_nodes(blob::build(node.size(), [&](char* to) { node.write(to); }));
      } else {
        auto at = nodes.size();
        nodes.resize(at + node.size());
        node.write(nodes.data() + at);
      }
      return this;
    } catch (const std::bad_alloc&) {
      return nullptr; // hiredis is written in C
    }
  }

  void* add_aggregate(const redisReadTask* task, size_t count) {
    size_t depth = 1;
    for (auto* up = task->parent; up != nullptr; up = up->parent)
      ++depth;
    if (depth > limits.max_depth) {
      broken = out_of_bounds(errc::protocol_error, "a reply nests too deeply", limits.max_depth);
      return nullptr;
    }
    if (count > limits.max_elements - elements) {
      broken =
          out_of_bounds(errc::protocol_error, "a reply has too many elements", limits.max_elements);
      return nullptr;
    }
    elements += count;
    return add(task,
               reply_node::aggregate(type_of_aggregate(task->type), static_cast<uint32_t>(count)),
               count > 0);
  }

  void* add_text(const redisReadTask* task, std::string_view text) {
    switch (task->type) {
    case REDIS_REPLY_ERROR: {
      auto line = internal::one_line(text);
      return add(task, reply_node::error(internal::code_of(line), line));
    }
    case REDIS_REPLY_STATUS:
      return add(task, reply_node::text(redis_type::status, text));
    case REDIS_REPLY_BIGNUM:
      return add(task, reply_node::text(redis_type::big_number, text));
    case REDIS_REPLY_VERB:
      return add(task, reply_node::text(redis_type::string, text.substr(verbatim_format_size)));
    default:
      return add(task, reply_node::text(redis_type::string, text));
    }
  }

  static state& of(const redisReadTask* task) { return *static_cast<state*>(task->privdata); }

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

  /// The reply that is complete now.
  redis_reply take() {
    elements = 0;
    if (nodes.empty())
      return std::exchange(whole, {});
    auto result = redis_reply::from_nodes(blob{nodes});
    nodes.clear();
    if (nodes.capacity() > kept_capacity)
      nodes.shrink_to_fit();
    return result;
  }

  static constexpr size_t kept_capacity = size_t{64} << 10;

  static redisReplyObjectFunctions functions;
  const reply_limits limits;
  /// Of the reply that is not complete yet.
  std::string nodes;
  /// The reply, if it is a single node.
  redis_reply whole;
  size_t elements = 0;
  size_t received = 0;
  caf::error broken;
  std::unique_ptr<redisReader, free_reader> reader;
};

redisReplyObjectFunctions reply_reader::state::functions{
    .createString = [](const redisReadTask* task, char* text, size_t size) -> void* {
      return of(task).add_text(task, {text, size});
    },
    .createArray = [](const redisReadTask* task, size_t count) -> void* {
      return of(task).add_aggregate(task, count);
    },
    .createInteger = [](const redisReadTask* task, long long x) -> void* {
      return of(task).add(task, reply_node::integer(x));
    },
    .createDouble = [](const redisReadTask* task, double x, char*, size_t) -> void* {
      return of(task).add(task, reply_node::real(x));
    },
    .createNil = [](const redisReadTask* task) -> void* {
      return of(task).add(task, reply_node::nil());
    },
    .createBool = [](const redisReadTask* task, int x) -> void* {
      return of(task).add(task, reply_node::boolean(x != 0));
    },
    .freeObject = [](void*) {},
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

caf::expected<std::optional<redis_reply>> reply_reader::next() {
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
    return std::optional<redis_reply>{};
  }
  auto rest = x.unparsed().size();
  if (x.received - rest > x.limits.max_bytes) {
    x.broken = out_of_bounds(errc::payload_too_large, "a reply is too large", x.limits.max_bytes);
    return x.broken;
  }
  x.received = rest;
  return std::optional{x.take()};
}

} // namespace dbs::redis
