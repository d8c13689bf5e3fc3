#include "dbs/actors/http/http.hpp"

#include "dbs/actors/http/sql_request.hpp"
#include "dbs/actors/http/views.hpp"
#include "dbs/messages/error_detail.hpp"
#include "dbs/runtime/observe/json.hpp"
#include "dbs/runtime/observe/prometheus.hpp"

#include <caf/telemetry/collector/prometheus.hpp>

#include <nlohmann/json.hpp>

namespace dbs {

namespace {

/// Rows that `/v1/sql` returns at most.
constexpr size_t max_sql_rows = 10'000;

http_server_options server_options(const http_settings& settings) {
  http_server_options result;
  result.max_connections = settings.max_connections;
  result.max_body_bytes = settings.max_request_bytes;
  result.request_timeout = settings.request_timeout;
  return result;
}

} // namespace

http_state::http_state(loop_actor<actor_type>* self, http_options options)
    : self_(self), options_(std::move(options)) {
  get("/health/live", &http_state::live);
  get("/health/ready", &http_state::ready);
  get("/health/database-services", &http_state::services_report);
  get("/health/{component}", &http_state::component_report);
  get("/metrics", &http_state::prometheus);
  get("/metrics/database-services", &http_state::services_metrics);
  admin("GET", "/v1/health", &http_state::services_report);
  admin("GET", "/v1/tree", &http_state::tree);
  admin("GET", "/v1/stats/{child}", &http_state::stats);
  admin("GET", "/v1/pool/holders", &http_state::holders);
  admin("POST", "/v1/pool/resize", &http_state::resize_pool);
  admin("POST", "/v1/sql", &http_state::sql);
  admin("GET", "/v1/config", &http_state::configuration);
}

http_state::actor_type::behavior_type http_state::make_behavior() {
  auto options = server_options(options_.settings);
  options.enter = [self = self_](std::function<void()> fn) {
    // Keeps the actor alive while the completion runs, which may make it quit.
    caf::strong_actor_ptr guard{self->ctrl()};
    self->enter(fn);
  };
  server_ = std::make_unique<http_server>(self_->io(), self_->timers(), std::move(options),
                                          [this](http_request request, http_responder answer) {
                                            routes_(std::move(request), std::move(answer));
                                          });
  return {
      [this](start_atom, const call_context&) -> caf::result<void> {
        if (auto reason = listen())
          return reason;
        return caf::unit;
      },
      [this](ready_atom, const call_context&) -> caf::result<void> {
        if (auto reason = listen())
          return reason;
        return caf::unit;
      },
      [this](drain_atom, const call_context&) { return drain(); },
      [this](health_atom, const call_context&) { return health(); },
      [this](stats_atom, const call_context&) {
        return stats_report{"http", health().fields};
      },
      [](resize_atom, const call_context&, const resize_request& request) -> caf::result<void> {
        return fail(errc::invalid_argument, "http has no size '" + request.what + "'");
      },
  };
}

// -- listeners ---------------------------------------------------------------------

void http_state::get(const std::string& path, handler what) {
  auto refused =
      routes_.add("GET", path, [this, what](const http_request& request, http_responder answer) {
        (this->*what)(request, std::move(answer));
      });
  if (refused)
    broken_ = std::move(refused);
}

void http_state::admin(const std::string& method, const std::string& path, handler what) {
  auto guarded = [this, what](const http_request& request, http_responder answer) {
    if (request.over_unix_socket)
      (this->*what)(request, std::move(answer));
    else
      answer.answer(http_error(403, "forbidden", "administration needs the Unix socket"));
  };
  if (auto refused = routes_.add(method, path, guarded))
    broken_ = std::move(refused);
}

caf::error http_state::listen() {
  if (broken_ || listening_)
    return broken_;
  auto wanted = options_.port->load() != 0 ? options_.port->load() : options_.settings.port;
  auto port = server_->listen_tcp(options_.settings.address, wanted);
  if (!port)
    return std::move(port.error());
  options_.port->store(*port);
  if (auto reason = server_->listen_unix(options_.settings.socket))
    return reason;
  listening_ = true;
  options_.log->log("http", observe::log_level::info, "listening",
                    {{"address", options_.settings.address},
                     {"port", int64_t{*port}},
                     {"socket", options_.settings.socket}});
  return {};
}

caf::result<void> http_state::drain() {
  auto done = std::make_shared<reply<void>>(self_);
  server_->stop_accepting([done] { done->deliver(); });
  return reply<void>::pending();
}

health_report http_state::health() const {
  auto stats = server_->stats();
  return {"http",
          listening_ ? health_status::healthy : health_status::unhealthy,
          listening_ ? "" : "not listening",
          {{"port", int64_t{options_.port->load()}},
           {"connections", static_cast<int64_t>(stats.active)},
           {"accepted", static_cast<int64_t>(stats.accepted)},
           {"rejected", static_cast<int64_t>(stats.rejected)},
           {"requests", static_cast<int64_t>(stats.requests)},
           {"bad_requests", static_cast<int64_t>(stats.bad_requests)},
           {"timeouts", static_cast<int64_t>(stats.timeouts)}}};
}

// -- health and metrics ------------------------------------------------------------

template <class OnHealth>
void http_state::with_health(http_responder answer, OnHealth on_health) {
  self_->mail(report_atom_v, call_context{})
      .request(options_.health, caf::infinite)
      .then([answer, on_health](const services_health& health) { on_health(health, answer); },
            [answer](const caf::error& reason) { answer.answer(to_response(reason)); });
}

void http_state::live(const http_request&, http_responder answer) {
  answer.answer(json_response({{"status", "alive"}}));
}

void http_state::ready(const http_request&, http_responder answer) {
  with_health(std::move(answer), [](const services_health& health, const http_responder& to) {
    if (health.ready) {
      to.answer(json_response({{"status", "ready"}}));
      return;
    }
    auto waiting = nlohmann::json::object();
    for (auto& x : health.components)
      if (x.status == health_status::unhealthy)
        waiting[public_name(x.component)] = x.detail;
    to.answer(json_response({{"status", "not ready"}, {"waiting_for", waiting}}, 503));
  });
}

void http_state::services_report(const http_request&, http_responder answer) {
  with_health(std::move(answer), [](const services_health& health, const http_responder& to) {
    to.answer(json_response(to_json(health), http_status(health.overall)));
  });
}

void http_state::component_report(const http_request& request, http_responder answer) {
  auto id = child_id(request.param);
  with_health(std::move(answer), [id](const services_health& health, const http_responder& to) {
    for (auto& x : health.components) {
      if (x.component == id) {
        to.answer(json_response(to_json(x), http_status(x.status)));
        return;
      }
    }
    to.answer(http_error(404, "not_found", "there is no component '" + id + "'"));
  });
}

void http_state::prometheus(const http_request&, http_responder answer) {
  auto text = observe::to_prometheus(options_.metrics->collect());
  if (auto process = observe::read_process_stats())
    text += observe::to_prometheus(*process);
  caf::telemetry::collector::prometheus collector;
  auto of_caf = collector.collect_from(self_->system().metrics());
  text.append(of_caf.data(), of_caf.size());
  answer.answer({200, std::string{observe::prometheus_content_type}, std::move(text)});
}

void http_state::services_metrics(const http_request&, http_responder answer) {
  struct round {
    nlohmann::json body = nlohmann::json::object();
    size_t missing = 0;
  };
  self_->mail(tree_atom_v, call_context{})
      .request(options_.supervisor, caf::infinite)
      .then(
          [this, answer](const std::vector<child_info>& tree) {
            auto collected = std::make_shared<round>();
            collected->missing = tree.size();
            for (auto& child : tree) {
              auto key = public_name(child.id);
              auto done = [collected, answer, key](nlohmann::json value) {
                collected->body[key] = std::move(value);
                if (--collected->missing == 0)
                  answer.answer(json_response(collected->body));
              };
              self_->mail(stats_atom_v, call_context{}, child.id)
                  .request(options_.supervisor, caf::infinite)
                  .then(
                      [done](const stats_report& report) { done(observe::to_json(report.fields)); },
                      [done](const caf::error& reason) {
                        done({{"error", describe(reason)}});
                      });
            }
          },
          [answer](const caf::error& reason) { answer.answer(to_response(reason)); });
}

// -- administration ----------------------------------------------------------------

void http_state::tree(const http_request&, http_responder answer) {
  self_->mail(tree_atom_v, call_context{})
      .request(options_.supervisor, caf::infinite)
      .then(
          [answer](const std::vector<child_info>& x) { answer.answer(json_response(to_json(x))); },
          [answer](const caf::error& reason) { answer.answer(to_response(reason)); });
}

void http_state::stats(const http_request& request, http_responder answer) {
  self_->mail(stats_atom_v, call_context{}, child_id(request.param))
      .request(options_.supervisor, caf::infinite)
      .then(
          [answer](const stats_report& report) {
            auto body = observe::to_json(report.fields);
            // The pool's own figures stand at the top level, as the runbook reads them.
            if (auto pool = body.find("pool"); pool != body.end()) {
              auto inner = *pool;
              body.erase(pool);
              body.update(inner);
            }
            answer.answer(json_response(body));
          },
          [answer](const caf::error& reason) { answer.answer(to_response(reason)); });
}

void http_state::resize_pool(const http_request& request, http_responder answer) {
  auto wanted = parse_resize_request(request.body);
  if (!wanted) {
    answer.answer(to_response(wanted.error()));
    return;
  }
  self_->mail(resize_atom_v, call_context{}, std::string{"postgres_pool"}, *wanted)
      .request(options_.supervisor, caf::infinite)
      .then(
          [answer] {
            answer.answer(json_response({{"resized", true}}));
          },
          [answer](const caf::error& reason) { answer.answer(to_response(reason)); });
}

void http_state::holders(const http_request&, http_responder answer) {
  options_.database.holders(self_).then(
      [answer](const std::vector<pg_holder>& x) { answer.answer(json_response(to_json(x))); },
      [answer](const caf::error& reason) { answer.answer(to_response(reason)); });
}

void http_state::sql(const http_request& request, http_responder answer) {
  auto wanted = parse_sql_request(request.body);
  if (!wanted) {
    answer.answer(to_response(wanted.error()));
    return;
  }
  options_.database.within(wanted->timeout)
      .as(caller_class::admin)
      .run(self_, std::move(wanted->statement))
      .then(
          [answer](const pg_result& x) { answer.answer(json_response(to_json(x, max_sql_rows))); },
          [answer](const caf::error& reason) { answer.answer(to_response(reason)); });
}

void http_state::configuration(const http_request&, http_responder answer) {
  answer.answer({200, "application/json", options_.configuration});
}

// -- spawning ----------------------------------------------------------------------

manager_control_actor spawn_http(event_loop& loop, http_options options) {
  return spawn_on<http_state>(loop, std::move(options));
}

} // namespace dbs
