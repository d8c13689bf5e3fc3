#include "dbs/testing/scripted/scripted_cache.hpp"

#include "dbs/config/duration.hpp"
#include "dbs/testing/scripted/scripted_peer.hpp"

#include <utility>

namespace dbs::testing {

namespace {

// -- calls as text -------------------------------------------------------------------

std::string joined(const std::vector<std::string>& words) {
  std::string result;
  for (auto& x : words)
    result += (result.empty() ? "" : ", ") + x;
  return result;
}

std::string call_of(const cache_get& what) {
  auto verb = what.without_value ? "exists " : what.load ? "get or load " : "get ";
  return verb + what.key;
}

std::string call_of(const cache_get_many& what) {
  return (what.load ? "get or load " : "get ") + joined(what.keys);
}

std::string text_of(const cache_put& what) {
  auto result = what.key;
  result += what.negative ? " = nothing" : " = '" + std::string{what.value.view()} + "'";
  if (what.ttl)
    result += " for " + to_duration_text(*what.ttl);
  if (!what.tags.empty())
    result += ", tags " + joined(what.tags);
  return result + ", reach " + to_string(what.reach);
}

std::string call_of(const cache_put_many& what) {
  std::string result = "set";
  for (auto& x : what.entries)
    result += (&x == what.entries.data() ? " " : "; ") + text_of(x);
  return result;
}

std::string call_of(const cache_put& what) {
  return "set " + text_of(what);
}

std::string call_of(const cache_erase& what) {
  return "erase " + what.key + ", reach " + to_string(what.reach);
}

std::string call_of(const cache_invalidate& what) {
  return "invalidate " + to_string(what.scope) + " " + what.text;
}

std::string call_of(const cache_tuning& what) {
  std::string result = "tune";
  if (what.l1_size)
    result += " l1_size = " + std::to_string(*what.l1_size);
  return what.optimize_l2_connections ? result + " l2 connections" : result;
}

constexpr auto call_of_report = "get stats";

// -- the actor -----------------------------------------------------------------------

class scripted_cache_state {
public:
  using actor_type = cache_actor;
  static inline const char* name = "dbs.testing.scripted_cache";

  scripted_cache_state(loop_actor<actor_type>* self, std::shared_ptr<call_script> script)
      : self_(self), peer_(self, std::move(script)) {}

  actor_type::behavior_type make_behavior() {
    return {
        [this](get_atom, const call_context& context, const cache_get& what) {
          return handle<cache_value>(context, call_of(what));
        },
        [this](get_atom, const call_context& context, const cache_get_with& what) {
          return handle<cache_value>(context, call_of(what.what));
        },
        [this](get_atom, const call_context& context, const cache_get_many& what) {
          return handle(context, call_of(what), std::vector<cache_value>(what.keys.size()));
        },
        [this](put_atom, const call_context& context, const cache_put& what) {
          return handle<void>(context, call_of(what));
        },
        [this](put_atom, const call_context& context, const cache_put_many& what) {
          return handle<void>(context, call_of(what));
        },
        [this](erase_atom, const call_context& context, const cache_erase& what) {
          return handle<bool>(context, call_of(what));
        },
        [this](invalidate_atom, const call_context& context, const cache_invalidate& what) {
          return handle<void>(context, call_of(what));
        },
        [this](report_atom, const call_context& context) {
          return handle<cache_stats>(context, call_of_report);
        },
        [this](tune_atom, const call_context& context, const cache_tuning& what) {
          return handle<cache_sizes>(context, call_of(what));
        },
    };
  }

private:
  template <class T>
  caf::result<T> handle(const call_context& context, const std::string& call) {
    return peer_.give<T>(take(context, call));
  }

  /// @param otherwise is the answer if the script has none.
  template <class T>
  caf::result<T> handle(const call_context& context, const std::string& call, T otherwise) {
    auto what = take(context, call);
    auto answer = what.answer.what(std::move(otherwise));
    return peer_.give<T>(std::move(what), std::move(answer));
  }

  scripted_peer<loop_actor<actor_type>>::verdict take(const call_context& context,
                                                      const std::string& call) {
    peer_.script().note(call);
    return peer_.judge(context, peer_.script().take(call), call, self_->now());
  }

  loop_actor<actor_type>* self_;
  scripted_peer<loop_actor<actor_type>> peer_;
};

std::shared_ptr<cache::cache_memory> make_small_memory() {
  cache_settings settings;
  settings.l1_size = 1;
  settings.l1_mib = 1;
  return std::make_shared<cache::cache_memory>(settings);
}

} // namespace

cache_value cached(std::string_view value, cache_source from) {
  return {true, blob{value}, from, false};
}

scripted_cache::scripted_cache(actor_fixture& fix)
    : script_(std::make_shared<call_script>()), memory_(make_small_memory()),
      actor_(fix.spawn_on_loop<scripted_cache_state>(script_)) {}

scripted_answer& scripted_cache::expect_get(const std::string& key) {
  return script_->expect(call_of(cache_get{key}));
}

scripted_answer& scripted_cache::expect_get_or_load(const std::string& key) {
  return script_->expect(call_of(cache_get{key, true}));
}

scripted_answer& scripted_cache::expect_exists(const std::string& key) {
  return script_->expect(call_of(cache_get{key, false, true}));
}

scripted_answer& scripted_cache::expect_mget(const std::vector<std::string>& keys) {
  return script_->expect(call_of(cache_get_many{keys}));
}

scripted_answer& scripted_cache::expect_mget_or_load(const std::vector<std::string>& keys) {
  return script_->expect(call_of(cache_get_many{keys, true}));
}

scripted_answer& scripted_cache::expect_set(const cache_put& what) {
  return script_->expect(call_of(what));
}

scripted_answer& scripted_cache::expect_set(const std::string& key, std::string_view value) {
  return expect_set(cache_put{key, blob{value}});
}

scripted_answer& scripted_cache::expect_mset(const std::vector<cache_put>& entries) {
  return script_->expect(call_of(cache_put_many{entries}));
}

scripted_answer& scripted_cache::expect_erase(const std::string& key, cache_reach reach) {
  return script_->expect(call_of(cache_erase{key, reach}));
}

scripted_answer& scripted_cache::expect_invalidate_prefix(const std::string& prefix) {
  return script_->expect(call_of(cache_invalidate{cache_scope::prefix, prefix}));
}

scripted_answer& scripted_cache::expect_invalidate_tag(const std::string& tag) {
  return script_->expect(call_of(cache_invalidate{cache_scope::tag, tag}));
}

scripted_answer& scripted_cache::expect_get_stats() {
  return script_->expect(call_of_report);
}

scripted_answer& scripted_cache::expect_tune(const cache_tuning& what) {
  return script_->expect(call_of(what));
}

} // namespace dbs::testing
