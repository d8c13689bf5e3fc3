#include "dbs/testing/gate/tcp_gate.hpp"

#include "dbs/testing/gate/internal/connection.hpp"
#include "dbs/testing/servers/free_port.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <exception>
#include <future>
#include <map>
#include <thread>
#include <utility>
#include <vector>

namespace dbs::testing {

using boost::asio::ip::tcp;
using boost::system::error_code;
using internal::connection;
using internal::link_counters;
using internal::link_faults;

/// Lives on the gate's thread, apart from construction and the end.
class tcp_gate::impl {
public:
  impl(const std::string& host, uint16_t port, size_t buffer_bytes)
      : acceptor_(io_), retry_(io_), buffer_bytes_(std::max<size_t>(buffer_bytes, 1)) {
    target_ = tcp::resolver{io_}.resolve(host, std::to_string(port));
    accept();
    thread_ = std::thread{[this] { io_.run(); }};
  }

  ~impl() { thread_.join(); }

  uint16_t port() const noexcept { return port_.number(); }

  boost::asio::io_context& io() noexcept { return io_; }

  void quit() {
    refuse();
    for (const auto& each : connections())
      each->reset();
    work_.reset();
  }

  // -- faults ------------------------------------------------------------------

  template <class Change>
  void change(gate_direction which, Change&& apply) {
    if (which != gate_direction::to_client)
      apply(to_server_.faults);
    if (which != gate_direction::to_server)
      apply(to_client_.faults);
    for (const auto& each : connections())
      each->run();
  }

  void count_from_here(gate_direction which) {
    for (const auto& each : connections())
      each->count_from_here(which != gate_direction::to_client, which != gate_direction::to_server);
  }

  // -- accepting ---------------------------------------------------------------

  void refuse() {
    wanted_ = false;
    retry_.cancel();
    error_code ignored;
    acceptor_.close(ignored);
    fillers_.clear();
  }

  void accept() {
    wanted_ = true;
    if (!acceptor_.is_open())
      open();
    acceptor_.listen();
    accept_next();
  }

  /// A kernel whose backlog is full drops SYNs; so we fill it ourselves.
  void hang() {
    wanted_ = false;
    retry_.cancel();
    if (!acceptor_.is_open())
      open();
    acceptor_.cancel();
    acceptor_.listen(0);
    tcp::endpoint self{boost::asio::ip::address_v4::loopback(), port()};
    constexpr int enough = 16;
    for (int i = 0; i < enough && !backlog_full(); ++i) {
      tcp::socket filler{io_, tcp::v4()};
      filler.bind({boost::asio::ip::address_v4::loopback(), 0});
      filler.non_blocking(true);
      error_code in_progress;
      filler.connect(self, in_progress);
      auto number = filler.local_endpoint().port();
      fillers_.insert_or_assign(number, std::move(filler));
    }
  }

  // -- connections -------------------------------------------------------------

  std::vector<std::shared_ptr<connection>> connections() {
    std::vector<std::shared_ptr<connection>> result;
    for (const auto& each : connections_)
      if (auto strong = each.lock())
        result.push_back(std::move(strong));
    return result;
  }

  gate_stats stats() {
    gate_stats result;
    result.connections = accepted_;
    for (const auto& each : connections())
      result.active += each->active() ? 1 : 0;
    result.bytes_to_server = to_server_.counters.bytes;
    result.bytes_to_client = to_client_.counters.bytes;
    result.writes_to_server = to_server_.counters.writes;
    result.writes_to_client = to_client_.counters.writes;
    result.bytes_dropped = to_server_.counters.dropped + to_client_.counters.dropped;
    return result;
  }

private:
  struct side {
    link_faults faults;
    link_counters counters;
  };

  void open() {
    acceptor_.open(tcp::v4());
    acceptor_.set_option(tcp::acceptor::reuse_address(true));
    acceptor_.bind({boost::asio::ip::address_v4::loopback(), port()});
  }

  /// For a listening socket tcp_info counts what waits to be accepted, and how much
  /// may (Linux, net/ipv4/tcp.c, tcp_get_info).
  bool backlog_full() {
    tcp_info info{};
    socklen_t size = sizeof(info);
    return getsockopt(acceptor_.native_handle(), IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
           info.tcpi_unacked > info.tcpi_sacked;
  }

  void accept_next() {
    if (!wanted_ || accepting_)
      return;
    accepting_ = true;
    acceptor_.async_accept([this](error_code error, tcp::socket socket) {
      accepting_ = false;
      if (error && error != boost::asio::error::operation_aborted) {
        accept_later();
        return;
      }
      accept_next();
      if (!error)
        on_accepted(std::move(socket));
    });
  }

  /// Out of file descriptors, most likely.
  void accept_later() {
    retry_.expires_after(std::chrono::milliseconds{50});
    retry_.async_wait([this](error_code error) {
      if (!error)
        accept_next();
    });
  }

  void on_accepted(tcp::socket socket) {
    error_code error;
    auto peer = socket.remote_endpoint(error);
    if (error || fillers_.erase(peer.port()) > 0)
      return;
    ++accepted_;
    std::erase_if(connections_, [](const auto& each) { return each.expired(); });
    auto fresh = std::make_shared<connection>(
        std::move(socket), internal::link{to_server_.faults, to_server_.counters},
        internal::link{to_client_.faults, to_client_.counters}, buffer_bytes_);
    connections_.push_back(fresh);
    fresh->start(target_);
  }

  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  free_port port_;
  tcp::acceptor acceptor_;
  boost::asio::steady_timer retry_;
  tcp::resolver::results_type target_;
  const size_t buffer_bytes_;
  side to_server_;
  side to_client_;
  /// Whether connections are to be accepted, and whether an accept is under way.
  bool wanted_ = true;
  bool accepting_ = false;
  uint64_t accepted_ = 0;
  /// Our own connections that keep the backlog full, by their port.
  std::map<uint16_t, tcp::socket> fillers_;
  /// They keep themselves alive while they have something to do.
  std::vector<std::weak_ptr<connection>> connections_;
  std::thread thread_;
};

tcp_gate::tcp_gate(const std::string& host, uint16_t port, size_t buffer_bytes)
    : impl_(std::make_unique<impl>(host, port, buffer_bytes)) {}

tcp_gate::~tcp_gate() {
  run([](impl& gate) { gate.quit(); });
}

uint16_t tcp_gate::port() const noexcept {
  return impl_->port();
}

void tcp_gate::pass(gate_direction which) {
  run([which](impl& gate) {
    gate.change(which, [](link_faults& faults) { faults = {}; });
    if (which == gate_direction::both)
      gate.accept();
  });
}

void tcp_gate::delay(std::chrono::milliseconds time, gate_direction which) {
  run([=](impl& gate) { gate.change(which, [=](link_faults& faults) { faults.delay = time; }); });
}

void tcp_gate::drop(gate_direction which) {
  run([=](impl& gate) { gate.change(which, [](link_faults& faults) { faults.drop = true; }); });
}

void tcp_gate::hold(gate_direction which) {
  run([=](impl& gate) { gate.change(which, [](link_faults& faults) { faults.hold = true; }); });
}

void tcp_gate::limit_bytes_per_second(size_t bytes, gate_direction which) {
  run([=](impl& gate) {
    gate.change(which, [=](link_faults& faults) { faults.bytes_per_second = bytes; });
  });
}

void tcp_gate::split(size_t bytes, gate_direction which, std::chrono::microseconds gap) {
  run([=](impl& gate) {
    gate.change(which, [=](link_faults& faults) {
      faults.part = bytes;
      faults.gap = gap;
    });
  });
}

void tcp_gate::close_after(size_t bytes, gate_direction which) {
  run([=](impl& gate) {
    gate.count_from_here(which);
    gate.change(which, [=](link_faults& faults) { faults.close_after = bytes; });
  });
}

void tcp_gate::close_all() {
  run([](impl& gate) {
    for (const auto& each : gate.connections())
      each->close();
  });
}

void tcp_gate::reset_all() {
  run([](impl& gate) {
    for (const auto& each : gate.connections())
      each->reset();
  });
}

void tcp_gate::stop_accepting() {
  run([](impl& gate) { gate.refuse(); });
}

void tcp_gate::accept_nothing() {
  run([](impl& gate) { gate.hang(); });
}

void tcp_gate::accept() {
  run([](impl& gate) { gate.accept(); });
}

gate_stats tcp_gate::stats() const {
  gate_stats result;
  run([&result](impl& gate) { result = gate.stats(); });
  return result;
}

void tcp_gate::run(const std::function<void(impl&)>& change) const {
  std::packaged_task<void()> task{[this, &change] { change(*impl_); }};
  auto done = task.get_future();
  // Not the task itself: Asio would take its future.
  boost::asio::post(impl_->io(), [&task] { task(); });
  done.get();
}

} // namespace dbs::testing
