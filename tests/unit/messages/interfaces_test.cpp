// What the public interfaces promise at compile time.
#include "dbs/messages/all.hpp"

#include <caf/response_type.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace dbs;

namespace {

/// Small enough to be known by heart, and for CAF's templates to compile.
constexpr size_t max_verbs = 12;

template <class Handle>
constexpr size_t verbs = caf::detail::tl_size<typename Handle::signatures>::value;

static_assert(verbs<manager_control_actor> <= max_verbs);
static_assert(verbs<supervisor_actor> <= max_verbs);
static_assert(verbs<health_actor> <= max_verbs);
static_assert(verbs<redis_actor> <= max_verbs);
static_assert(verbs<cache_actor> <= max_verbs);
static_assert(verbs<postgres_pool_actor> <= max_verbs);
static_assert(verbs<postgres_listener_actor> <= max_verbs);

/// Whether a verb with `call_context` and `Ts` behind it may be sent to `Handle`; what
/// `request` asserts (see `tests/rejected`).
template <class Handle, class Verb, class... Ts>
constexpr bool accepts =
    caf::response_type<typename Handle::signatures, Verb, call_context, Ts...>::valid;

static_assert(accepts<redis_actor, command_atom, redis_command>);
static_assert(accepts<redis_actor, command_atom, redis_batch>);
static_assert(!accepts<redis_actor, command_atom, std::string>);
static_assert(!accepts<redis_actor, start_atom>);
static_assert(accepts<postgres_pool_actor, execute_atom, pg_statement>);
static_assert(!accepts<postgres_pool_actor, execute_atom, std::string>);
static_assert(!accepts<postgres_pool_actor, commit_atom, pg_statement>);
static_assert(!accepts<postgres_pool_actor, drain_atom>);
static_assert(accepts<postgres_listener_actor, listen_atom, std::string>);
static_assert(!accepts<postgres_listener_actor, listen_atom>);
static_assert(!accepts<health_actor, health_atom>);
static_assert(accepts<cache_actor, get_atom, cache_get>);
static_assert(accepts<cache_actor, get_atom, cache_get_many>);
static_assert(!accepts<cache_actor, get_atom, std::string>);
static_assert(!accepts<cache_actor, load_atom, std::string>);

} // namespace

TEST_CASE("public interfaces are small and say no to what they do not know") {
  SUCCEED("the compiler has checked it");
}
