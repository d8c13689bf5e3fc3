// A peer that speaks as much of Redis as the test tells it, on the loop under test.
#pragma once

#include "dbs/runtime/redis/reply_reader.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dbs::tests {

class scripted_redis {
public:
  using command = std::vector<std::string>;
  using tcp = boost::asio::ip::tcp;

  explicit scripted_redis(boost::asio::io_context& io) : state_(std::make_shared<state>(io)) {
    listen();
  }

  ~scripted_redis() { stop(); }

  uint16_t port() const { return state_->address.port(); }

  /// What a command is answered with, as it goes over the wire; nothing is no answer.
  void answer_with(std::function<std::string(const command&)> fn) {
    state_->answer = std::move(fn);
  }

  /// Answers as a server that has nothing but ECHO and PING.
  static std::string obliging(const command& words) {
    if (words[0] == "PING")
      return "+PONG\r\n";
    if (words[0] == "ECHO")
      return "$" + std::to_string(words[1].size()) + "\r\n" + words[1] + "\r\n";
    if (words[0] == "HELLO")
      return "%1\r\n$5\r\nproto\r\n:3\r\n";
    return "+OK\r\n";
  }

  /// Answers the login, and nothing else.
  static std::string mute(const command& words) {
    return words[0] == "PING" || words[0] == "ECHO" ? "" : "+OK\r\n";
  }

  /// Every command so far, of all connections.
  const std::vector<command>& received() const { return state_->received; }

  size_t received(std::string_view verb) const {
    size_t result = 0;
    for (auto& words : state_->received)
      result += words[0] == verb ? 1 : 0;
    return result;
  }

  /// Connections so far.
  size_t accepted() const { return state_->accepted; }

  /// Connections that are open on this side.
  size_t open() const {
    size_t result = 0;
    for (auto& x : state_->sessions)
      result += x->socket.is_open() ? 1 : 0;
    return result;
  }

  /// Says something on the latest connection.
  void say(std::string bytes) { state_->sessions.back()->send(std::move(bytes)); }

  void hang_up() {
    for (auto& x : state_->sessions)
      x->socket.close();
  }

  /// The latest connection alone.
  void hang_up_one() { state_->sessions.back()->socket.close(); }

  void listen() {
    state_->acceptor.open(tcp::v4());
    state_->acceptor.set_option(tcp::acceptor::reuse_address{true});
    state_->acceptor.bind(state_->address);
    state_->acceptor.listen();
    state_->address = state_->acceptor.local_endpoint();
    state_->accept();
  }

  /// As a process that is killed.
  void stop() {
    boost::system::error_code ignored;
    state_->acceptor.close(ignored);
    hang_up();
  }

private:
  struct state;

  struct session : std::enable_shared_from_this<session> {
    session(tcp::socket s, std::weak_ptr<state> o) : socket(std::move(s)), owner(std::move(o)) {}

    void read() {
      socket.async_read_some(
          boost::asio::buffer(in),
          [self = shared_from_this()](boost::system::error_code code, size_t bytes) {
            if (code) {
              self->socket.close();
              return;
            }
            self->reader.feed({self->in.data(), bytes});
            self->handle();
            if (self->socket.is_open())
              self->read();
          });
    }

    void handle() {
      auto to = owner.lock();
      while (to != nullptr) {
        auto next = reader.next();
        if (!next || !*next)
          return;
        command words;
        for (auto word : **next)
          words.emplace_back(word.text());
        to->received.push_back(words);
        if (auto bytes = to->answer(words); !bytes.empty())
          send(std::move(bytes));
      }
    }

    void send(std::string bytes) {
      boost::system::error_code ignored; // the client may have gone
      boost::asio::write(socket, boost::asio::buffer(bytes), ignored);
    }

    tcp::socket socket;
    std::weak_ptr<state> owner; // which keeps the sessions
    redis::reply_reader reader;
    std::array<char, 4096> in;
  };

  struct state : std::enable_shared_from_this<state> {
    explicit state(boost::asio::io_context& io) : acceptor(io) {}

    void accept() {
      acceptor.async_accept(
          [self = shared_from_this()](boost::system::error_code code, tcp::socket s) {
            if (code)
              return;
            s.set_option(tcp::no_delay{true});
            ++self->accepted;
            self->sessions.push_back(std::make_shared<session>(std::move(s), self));
            self->sessions.back()->read();
            self->accept();
          });
    }

    tcp::acceptor acceptor;
    tcp::endpoint address{boost::asio::ip::address_v4::loopback(), 0};
    std::function<std::string(const command&)> answer = obliging;
    std::vector<command> received;
    std::vector<std::shared_ptr<session>> sessions;
    size_t accepted = 0;
  };

  std::shared_ptr<state> state_;
};

} // namespace dbs::tests
