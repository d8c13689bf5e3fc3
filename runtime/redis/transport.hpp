// The stream of bytes below a connection to Redis.
#pragma once

#include <caf/error.hpp>
#include <caf/expected.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

namespace dbs::redis {

/// Told by a transport, in the turn of its loop, never from inside a call to the transport.
class transport_observer {
public:
  virtual void on_open() = 0;

  /// It could not be opened: `connection_lost`, or `config_invalid` if it never will.
  virtual void on_not_open(caf::error reason) = 0;

  /// After a read that got less than it could take: there may be more now.
  virtual void on_readable() = 0;

  /// After a write that was not accepted as a whole: there may be room now.
  virtual void on_writable() = 0;

protected:
  ~transport_observer() = default;
};

/// Real ones are sockets, with or without TLS (socket_transport.hpp); tests script theirs.
/// After `close`, and when it is destroyed, its observer hears nothing more.
class transport {
public:
  virtual ~transport() = default;

  /// To be called once.
  virtual void open() = 0;

  virtual void close() noexcept = 0;

  /// How many bytes it got; 0 if there are none now. An error is the end of the stream.
  virtual caf::expected<size_t> read(std::span<char> into) = 0;

  /// How many bytes it took; 0 if there is no room now. An error is the end of the stream.
  virtual caf::expected<size_t> write(std::string_view bytes) = 0;

  /// What it is waiting for while it opens, such as "name resolution".
  virtual std::string_view waits_for() const noexcept = 0;
};

using transport_ptr = std::unique_ptr<transport>;

using transport_factory = std::function<transport_ptr(transport_observer&)>;

} // namespace dbs::redis
