#include "dbs/runtime/io/resolver.hpp"

#include "dbs/messages/error_detail.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

namespace dbs {

namespace {

using addresses = caf::expected<std::vector<std::string>>;

addresses failed(const std::string& host, const char* why) {
  return fail(errc::connection_lost, "host name " + host + " could not be resolved: " + why,
              {{"host", host}});
}

addresses look_up(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* raw = nullptr;
  if (auto rc = getaddrinfo(host.c_str(), nullptr, &hints, &raw); rc != 0)
    return failed(host, gai_strerror(rc));
  std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> list{raw, freeaddrinfo};
  std::vector<std::string> result;
  for (auto* entry = list.get(); entry != nullptr && result.size() < resolver::max_addresses;
       entry = entry->ai_next) {
    char buf[NI_MAXHOST];
    if (getnameinfo(entry->ai_addr, entry->ai_addrlen, buf, sizeof(buf), nullptr, 0,
                    NI_NUMERICHOST) != 0)
      continue;
    if (std::find(result.begin(), result.end(), buf) == result.end())
      result.emplace_back(buf);
  }
  if (result.empty())
    return failed(host, "it has no address");
  return result;
}

class system_resolver : public resolver {
public:
  system_resolver(loop_context& io, blocking_pool& pool) : io_(io), pool_(pool) {}

  void resolve(const std::string& host, callback done) override {
    auto answer = std::make_shared<addresses>(caf::error{});
    auto shared_done = std::make_shared<callback>(std::move(done));
    auto accepted = pool_.submit([host, answer] { *answer = look_up(host); }, io_,
                                 [shared_done, answer] { (*shared_done)(std::move(*answer)); });
    if (accepted)
      return;
    *answer = failed(host, "too many look-ups are under way");
    io_.post([shared_done, answer] { (*shared_done)(std::move(*answer)); });
  }

private:
  loop_context& io_;
  blocking_pool& pool_;
};

} // namespace

std::unique_ptr<resolver> make_system_resolver(loop_context& io, blocking_pool& pool) {
  return std::make_unique<system_resolver>(io, pool);
}

} // namespace dbs
