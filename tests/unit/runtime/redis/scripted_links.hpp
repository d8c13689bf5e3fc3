// Servers without sockets: every transport of a client ends in a link of this, whose other
// end is what the test says.
#pragma once

#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/redis/reply_reader.hpp"
#include "dbs/runtime/redis/transport.hpp"

#include "unit/runtime/manual_time.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dbs::test {

using words = std::vector<std::string>;

/// "$2\r\nab\r\n"
inline std::string bulk(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string{text} + "\r\n";
}

/// One connection as its server sees it.
struct scripted_link {
  redis::transport_observer* observer = nullptr; // null: closed by the client
  bool opened = false;
  /// What the client has sent, and the server has not read.
  std::string sent;
  /// What the client has not read.
  std::string incoming;
  /// How much more the socket takes.
  size_t room = std::numeric_limits<size_t>::max();
  /// What the client's next read or write finds, behind `incoming`.
  caf::error broken;
  redis::reply_reader reader;
  std::vector<words> received;
  /// The server reads nothing.
  bool paused = false;
};

/// A factory of transports, and the server behind them.
class scripted_links {
public:
  using handler = std::function<std::string(scripted_link&, const words&)>;

  redis::transport_factory factory() {
    return [this](redis::transport_observer& observer) -> redis::transport_ptr {
      links_.push_back(std::make_unique<scripted_link>());
      links_.back()->observer = &observer;
      return std::make_unique<transport>(*this, *links_.back());
    };
  }

  /// What a command is answered with, as it goes over the wire; nothing is no answer.
  handler answer = obliging;

  /// Why the next connections cannot be opened; empty if they can.
  caf::error refuse;

  /// The next connections wait for ever.
  bool hang_in_connect = false;

  /// A server that has ECHO, PING and HELLO, and says OK to the rest.
  static std::string obliging(scripted_link&, const words& command) {
    if (command[0] == "PING")
      return "+PONG\r\n";
    if (command[0] == "ECHO")
      return bulk(command[1]);
    if (command[0] == "HELLO")
      return "%1\r\n$5\r\nproto\r\n:3\r\n";
    return "+OK\r\n";
  }

  /// Answers the login, and nothing else.
  static std::string mute(scripted_link& link, const words& command) {
    auto of_login = command[0] == "HELLO" || link.received.size() <= 2;
    return of_login ? obliging(link, command) : std::string{};
  }

  size_t made() const { return links_.size(); }

  scripted_link& operator[](size_t i) { return *links_[i]; }

  size_t open() const {
    return static_cast<size_t>(std::count_if(
        links_.begin(), links_.end(), [](auto& x) { return x->observer != nullptr && x->opened; }));
  }

  /// How often a command came, on all connections.
  size_t received(std::string_view name) const {
    size_t result = 0;
    for (auto& x : links_)
      for (auto& command : x->received)
        result += command[0] == name ? 1 : 0;
    return result;
  }

  /// Says something on a connection.
  void say(scripted_link& link, std::string_view bytes) {
    link.incoming += bytes;
    if (link.observer != nullptr)
      link.observer->on_readable();
  }

  void hang_up(scripted_link& link) {
    link.broken = fail(errc::connection_lost, "the server hung up");
    if (link.observer != nullptr)
      link.observer->on_readable();
  }

  /// Lets the socket take so much more.
  void give_room(scripted_link& link, size_t bytes) {
    link.room = bytes;
    if (link.observer != nullptr)
      link.observer->on_writable();
  }

  /// Opens what is to be opened and answers what has come. True if there was anything.
  bool serve() {
    auto did = false;
    for (size_t i = 0; i < links_.size(); ++i)
      did = serve(*links_[i]) || did;
    return did;
  }

private:
  class transport final : public redis::transport {
  public:
    transport(scripted_links& all, scripted_link& link) : all_(all), link_(link) {}
    ~transport() override { close(); }

    void open() override {}
    void close() noexcept override { link_.observer = nullptr; }

    caf::expected<size_t> read(std::span<char> into) override {
      auto size = std::min(into.size(), link_.incoming.size());
      std::copy_n(link_.incoming.begin(), size, into.begin());
      link_.incoming.erase(0, size);
      if (size == 0 && link_.broken)
        return link_.broken;
      return size;
    }

    caf::expected<size_t> write(std::string_view bytes) override {
      if (link_.broken)
        return link_.broken;
      auto size = std::min(bytes.size(), link_.room);
      link_.room -= link_.room == std::numeric_limits<size_t>::max() ? 0 : size;
      link_.sent += bytes.substr(0, size);
      ++all_.writes;
      return size;
    }

    std::string_view waits_for() const noexcept override { return "connection"; }

  private:
    scripted_links& all_;
    scripted_link& link_;
  };

  bool serve(scripted_link& link) {
    if (link.observer == nullptr || hang_in_connect || link.paused)
      return false;
    if (!link.opened) {
      link.opened = !refuse;
      if (refuse)
        link.observer->on_not_open(refuse);
      else
        link.observer->on_open();
      return true;
    }
    if (link.sent.empty())
      return false;
    link.reader.feed(std::exchange(link.sent, {}));
    std::string out;
    for (auto next = link.reader.next(); next && *next; next = link.reader.next()) {
      words command;
      for (auto word : **next)
        command.emplace_back(word.text());
      link.received.push_back(command);
      out += answer(link, command);
    }
    if (!out.empty())
      say(link, out);
    return true;
  }

  std::vector<std::unique_ptr<scripted_link>> links_;

public:
  /// Calls of `write` so far.
  size_t writes = 0;
};

} // namespace dbs::test
