#include "dbs/messages/wire/map_writer.hpp"

#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/wire/internal/key_error.hpp"

#ifndef MSGPACK_NO_BOOST
  #define MSGPACK_NO_BOOST
#endif
#include <msgpack/pack.hpp>

namespace dbs::wire {

namespace {

/// What msgpack calls a stream.
struct appender {
  std::string& out;
  void write(const char* data, size_t size) { out.append(data, size); }
};

using packer = msgpack::packer<appender>;

} // namespace

caf::expected<blob> map_writer::finish() const {
  if (error_)
    return error_;
  std::string header;
  appender stream{header};
  packer{stream}.pack_map(static_cast<uint32_t>(keys_.size()));
  auto size = header.size() + body_.size();
  if (size > limits_.max_bytes)
    return fail(errc::payload_too_large, "the encoded map is too large",
                {{"size_bytes", static_cast<int64_t>(size)},
                 {"limit_bytes", static_cast<int64_t>(limits_.max_bytes)}});
  return blob::build(size, [&](char* to) {
    header.copy(to, header.size());
    body_.copy(to + header.size(), body_.size());
  });
}

bool map_writer::begin_entry(std::string_view key) {
  if (error_)
    return false;
  if (key.size() > limits_.max_key || keys_.size() >= limits_.max_entries ||
      body_.size() > limits_.max_bytes) {
    refuse(key, "does not fit into the map");
    return false;
  }
  for (auto [position, size] : keys_) {
    if (std::string_view{body_}.substr(position, size) == key) {
      error_ = internal::key_error(errc::invalid_argument, key, "was put twice");
      return false;
    }
  }
  appender stream{body_};
  packer{stream}.pack_str(static_cast<uint32_t>(key.size()));
  keys_.emplace_back(body_.size(), key.size());
  body_ += key;
  return true;
}

bool map_writer::begin_array(size_t size) {
  if (size > limits_.max_elements - elements_) {
    refuse(last_key(), "has too many elements");
    return false;
  }
  elements_ += size;
  appender stream{body_};
  packer{stream}.pack_array(static_cast<uint32_t>(size));
  return true;
}

void map_writer::write_nil() {
  appender stream{body_};
  packer{stream}.pack_nil();
}

void map_writer::write_bool(bool x) {
  appender stream{body_};
  if (x)
    packer{stream}.pack_true();
  else
    packer{stream}.pack_false();
}

void map_writer::write_int(int64_t x) {
  appender stream{body_};
  packer{stream}.pack_int64(x);
}

void map_writer::write_uint(uint64_t x) {
  appender stream{body_};
  packer{stream}.pack_uint64(x);
}

void map_writer::write_double(double x) {
  appender stream{body_};
  packer{stream}.pack_double(x);
}

void map_writer::write_string(std::string_view x) {
  if (x.size() > limits_.max_string)
    return refuse(last_key(), "is too long");
  appender stream{body_};
  packer{stream}.pack_str(static_cast<uint32_t>(x.size()));
  body_ += x;
}

void map_writer::write_bytes(std::string_view x) {
  if (x.size() > limits_.max_string)
    return refuse(last_key(), "is too long");
  appender stream{body_};
  packer{stream}.pack_bin(static_cast<uint32_t>(x.size()));
  body_ += x;
}

void map_writer::refuse(std::string_view key, const char* problem) {
  if (!error_)
    error_ = internal::key_error(errc::payload_too_large, key, problem);
}

std::string_view map_writer::last_key() const {
  return std::string_view{body_}.substr(keys_.back().first, keys_.back().second);
}

} // namespace dbs::wire
