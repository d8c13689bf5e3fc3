// Administration of the cache: what is below /v1/cache.
#pragma once

#include "dbs/actors/client/cache_client.hpp"
#include "dbs/actors/http/internal/l1_baseline.hpp"
#include "dbs/runtime/http/message.hpp"

#include <caf/timespan.hpp>

#include <functional>
#include <string>
#include <vector>

namespace dbs::internal {

/// A part of the HTTP manager, whose actor asks the cache. Whether a request may come in is
/// the manager's to say.
class cache_routes {
public:
  using self_type = l1_baseline::self_type;

  using adder =
      std::function<void(const std::string& method, const std::string& path, http_handler what)>;

  cache_routes(self_type* self, cache_client cache);

  void add_to(const adder& add);

private:
  void get(const http_request& request, const http_responder& answer) const;
  void put(const http_request& request, const http_responder& answer) const;
  void erase(const http_request& request, const http_responder& answer) const;
  void invalidate(const http_request& request, const http_responder& answer) const;
  void resize_l1(const http_request& request, const http_responder& answer) const;
  void optimize_l2(const http_request& request, const http_responder& answer) const;
  void measure_l1(const http_request& request, const http_responder& answer);

  void remove(const cache_invalidate& what, caf::timespan timeout,
              const http_responder& answer) const;
  void remove(const std::vector<std::string>& keys, caf::timespan timeout,
              const http_responder& answer) const;

  self_type* self_;
  cache_client cache_;
  l1_baseline baseline_;
};

} // namespace dbs::internal
