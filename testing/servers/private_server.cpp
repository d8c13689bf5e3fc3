#include "dbs/testing/servers/private_server.hpp"

#include "dbs/testing/eventually.hpp"
#include "dbs/testing/servers/process_tree.hpp"

#include <unistd.h>

#include <stdexcept>
#include <utility>

namespace dbs::testing {

namespace fs = std::filesystem;

private_server::private_server(std::string_view label, std::initializer_list<const char*> accounts,
                               bool tls, bool in_memory)
    : run_as_(unprivileged_account(accounts)),
      directory_(label, {.shared = run_as_.has_value(), .in_memory = in_memory}) {
  for (const auto& path : {data_path(), run_path()}) {
    fs::create_directory(path);
    hand_over(path, fs::perms::owner_all);
  }
  if (tls)
    certificates_ = make_certificates(directory(), run_as_);
}

pid_t private_server::pid() const {
  return process_ != nullptr ? process_->pid() : 0;
}

bool private_server::running() const {
  return process_ != nullptr && process_->running();
}

void private_server::kill() {
  if (process_ != nullptr)
    process_->kill_all();
  // Those whose parent had died before.
  kill_processes_in(data_path());
  paused_ = false;
}

void private_server::pause() {
  if (!running())
    fail("cannot pause a server that does not run");
  process_->stop_all();
  paused_ = true;
}

void private_server::resume() {
  if (std::exchange(paused_, false))
    process_->continue_all();
}

const certificate_files& private_server::certificates() const {
  if (!certificates_)
    throw std::logic_error("this private server was made without TLS and has no certificates");
  return *certificates_;
}

void private_server::launch(process_options options) {
  options.output = log_path();
  options.working_directory = data_path();
  options.run_as = run_as_;
  process_.reset();
  process_ = std::make_unique<process>(std::move(options));
  paused_ = false;
}

void private_server::await_ready(const std::string& what, std::chrono::milliseconds within,
                                 const std::function<bool()>& ready) const {
  bool ended = false;
  auto done = [&] {
    // Asked in this order, so that a server that has just become ready counts.
    ended = !running();
    return ready() || ended;
  };
  if (!eventually(done, within))
    fail("the server is not " + what + " after " + std::to_string(within.count()) + " ms");
  if (ended)
    fail("the server ended instead of being " + what);
}

void private_server::end_with(int signal, std::chrono::milliseconds within) {
  if (!running())
    return;
  resume();
  process_->signal(signal);
  if (!process_->wait_for(within))
    fail("the server has not stopped after " + std::to_string(within.count()) + " ms");
}

void private_server::fail(const std::string& what) const {
  throw std::runtime_error(what + "; the end of its log:\n" + tail(log_text()));
}

void private_server::hand_over(const fs::path& path, fs::perms mode) const {
  fs::permissions(path, mode);
  if (run_as_ && lchown(path.c_str(), run_as_->uid, run_as_->gid) != 0)
    throw std::runtime_error("cannot give " + path.string() + " to the account " + run_as_->name);
}

} // namespace dbs::testing
