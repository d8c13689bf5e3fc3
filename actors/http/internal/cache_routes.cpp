#include "dbs/actors/http/internal/cache_routes.hpp"

#include "dbs/actors/http/internal/asking.hpp"
#include "dbs/actors/http/internal/cache_json.hpp"
#include "dbs/actors/http/internal/json_body.hpp"
#include "dbs/messages/error_detail.hpp"

#include <nlohmann/json.hpp>

#include <memory>
#include <utility>
#include <variant>

namespace dbs::internal {

namespace {

void refuse(const http_responder& answer, const caf::error& why) {
  answer.answer(to_response(why));
}

/// Says of which key an error is, and of how many others there was one.
caf::error of_key(const caf::error& why, const std::string& key, size_t failed) {
  auto what = detail(why);
  what.fields.push_back({"key", key});
  what.fields.push_back({"failed_keys", static_cast<int64_t>(failed)});
  return fail(static_cast<errc>(why.code()), std::move(what));
}

} // namespace

cache_routes::cache_routes(self_type* self, cache_client cache)
    : self_(self), cache_(std::move(cache)), baseline_(self, cache_) {}

void cache_routes::add_to(const adder& add) {
  auto route = [&](const char* method, const char* path, auto what) {
    add(method, path, [this, what](const http_request& request, const http_responder& answer) {
      (this->*what)(request, answer);
    });
  };
  route("GET", "/v1/cache/entry", &cache_routes::get);
  route("POST", "/v1/cache/set", &cache_routes::put);
  route("POST", "/v1/cache/delete", &cache_routes::erase);
  route("POST", "/v1/cache/invalidate", &cache_routes::invalidate);
  route("POST", "/v1/cache/resize-l1", &cache_routes::resize_l1);
  route("POST", "/v1/cache/optimize-l2", &cache_routes::optimize_l2);
  route("POST", "/v1/cache/baseline", &cache_routes::measure_l1);
}

// -- entries -------------------------------------------------------------------------

void cache_routes::get(const http_request& request, const http_responder& answer) const {
  auto wanted = parse_cache_get(request.query);
  if (!wanted)
    return refuse(answer, wanted.error());
  wait_for(answer, wanted->timeout);
  ask_within(self_, wanted->timeout, cache_.actor(), get_atom_v, std::move(wanted->what))
      .then([answer](const cache_value& x) { answer.answer(json_response(to_json(x))); },
            or_error(answer));
}

void cache_routes::put(const http_request& request, const http_responder& answer) const {
  auto wanted = parse_cache_put(request.body);
  if (!wanted)
    return refuse(answer, wanted.error());
  wait_for(answer, wanted->timeout);
  ask_within(self_, wanted->timeout, cache_.actor(), put_atom_v, std::move(wanted->what))
      .then(
          [answer] {
            answer.answer(json_response({{"stored", true}}));
          },
          or_error(answer));
}

void cache_routes::erase(const http_request& request, const http_responder& answer) const {
  auto wanted = parse_cache_erase(request.body);
  if (!wanted)
    return refuse(answer, wanted.error());
  wait_for(answer, wanted->timeout);
  ask_within(self_, wanted->timeout, cache_.actor(), erase_atom_v, std::move(wanted->what))
      .then(
          [answer](bool was_there) {
            answer.answer(json_response({{"deleted", was_there}}));
          },
          or_error(answer));
}

void cache_routes::invalidate(const http_request& request, const http_responder& answer) const {
  auto wanted = parse_cache_removal(request.body);
  if (!wanted)
    return refuse(answer, wanted.error());
  wait_for(answer, wanted->timeout);
  std::visit([&](auto& what) { remove(what, wanted->timeout, answer); }, wanted->what);
}

void cache_routes::remove(const cache_invalidate& what, caf::timespan timeout,
                          const http_responder& answer) const {
  ask_within(self_, timeout, cache_.actor(), invalidate_atom_v, what)
      .then(
          [answer] {
            answer.answer(json_response({{"invalidated", true}}));
          },
          or_error(answer));
}

void cache_routes::remove(const std::vector<std::string>& keys, caf::timespan timeout,
                          const http_responder& answer) const {
  struct round {
    size_t missing = 0;
    size_t failed = 0;
    std::string key;
    caf::error first;
  };
  auto all = std::make_shared<round>();
  all->missing = keys.size();
  auto done = [all, answer] {
    if (--all->missing > 0)
      return;
    answer.answer(all->failed > 0 ? to_response(of_key(all->first, all->key, all->failed))
                                  : json_response({{"invalidated", true}}));
  };
  for (auto& key : keys)
    ask_within(self_, timeout, cache_.actor(), erase_atom_v, cache_erase{key, cache_reach::l3})
        .then([done](bool) { done(); },
              [all, done, key](const caf::error& why) {
                if (all->failed++ == 0) {
                  all->key = key;
                  all->first = without_caf(why);
                }
                done();
              });
}

// -- sizes ---------------------------------------------------------------------------

void cache_routes::resize_l1(const http_request& request, const http_responder& answer) const {
  auto entries = parse_l1_size(request.body);
  if (!entries)
    return refuse(answer, entries.error());
  ask(self_, cache_.actor(), tune_atom_v, cache_tuning{*entries, false})
      .then(
          [answer](const cache_sizes& x) {
            answer.answer(json_response({{"l1_size", x.l1_size}}));
          },
          or_error(answer));
}

void cache_routes::optimize_l2(const http_request& request, const http_responder& answer) const {
  if (auto nothing = parse_body(request.body, {}); !nothing)
    return refuse(answer, nothing.error());
  ask(self_, cache_.actor(), tune_atom_v, cache_tuning{{}, true})
      .then([answer](const cache_sizes& x) { answer.answer(json_response(l2_json(x))); },
            or_error(answer));
}

void cache_routes::measure_l1(const http_request& request, const http_responder& answer) {
  auto delay = parse_l1_delay(request.body);
  if (!delay)
    return refuse(answer, delay.error());
  baseline_.run(*delay, answer);
}

} // namespace dbs::internal
