#include "dbs/runtime/caf/loop_actor.hpp"

#include "dbs/messages/call_context.hpp"

#include <caf/detail/behavior_impl.hpp>
#include <caf/detail/invoke_result_visitor.hpp>
#include <caf/make_counted.hpp>

namespace dbs::internal {

namespace {

class deadline_guard final : public caf::detail::behavior_impl {
public:
  deadline_guard(pointer inner, const caf::actor_clock& clock)
      : inner_(std::move(inner)), clock_(clock) {}

  using behavior_impl::invoke;

  bool invoke(caf::detail::invoke_result_visitor& answer, caf::message& content) override {
    auto* context = context_of(content);
    if (context == nullptr || !context->has_deadline() || !context->expired(clock_.now()))
      return inner_->invoke(answer, content);
    auto reason = fail(errc::deadline_exceeded,
                       "the deadline had passed before the service took the request");
    answer(reason);
    return true;
  }

private:
  pointer inner_;
  const caf::actor_clock& clock_;
};

} // namespace

caf::error restarted_by(const std::exception_ptr& cause) {
  try {
    std::rethrow_exception(cause);
  } catch (const std::exception& e) {
    return fail(errc::restarted, std::string{"the manager failed on an exception: "} + e.what());
  } catch (...) {
    return fail(errc::restarted, "the manager failed on an exception of unknown type");
  }
}

caf::error manager_is_gone(const event_loop& loop) {
  if (loop.stopped())
    return fail(errc::draining, "the loop of the service, " + loop.name() + ", has stopped");
  return fail(errc::restarted, "the manager stopped before it took the request");
}

caf::behavior refuse_expired(caf::behavior inner, const caf::actor_clock& clock) {
  return caf::behavior::impl_ptr{
      caf::make_counted<deadline_guard>(inner.as_behavior_impl(), clock)};
}

} // namespace dbs::internal
