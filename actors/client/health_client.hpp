// The health of the services: what `services.health()` returns.
#pragma once

#include "dbs/actors/client/blocking_ask.hpp"
#include "dbs/messages/health/health.hpp"

namespace dbs {

/// A small, copyable client of the health manager. Answers come from the manager's
/// last round, so asking is cheap.
class health_client {
public:
  explicit health_client(health_actor health, call_options options = {})
      : health_(std::move(health)), options_(options) {}

  const health_actor& actor() const noexcept { return health_; }

  template <class Self>
  auto check_health(Self* self) const {
    return pending_request{mail(self, report_atom_v, options_.context(self->system()))
                               .request(health_, caf::infinite)};
  }

  /// For plain threads; blocks.
  caf::expected<services_health> check_health_sync(caf::actor_system& system) const {
    caf::scoped_actor self{system};
    return blocking_ask<services_health>(self, options_, health_, report_atom_v);
  }

private:
  health_actor health_;
  call_options options_;
};

} // namespace dbs
