#include "command_line.hpp"

#include "cache_commands.hpp"
#include "checks.hpp"
#include "commands.hpp"

#include "dbs/config/duration.hpp"

#include <memory>

namespace dbs::ctl {

namespace {

/// All keys of a namespace begin with it and a ':', which itself it has not.
std::string check_namespace(const std::string& text) {
  return text.empty() || text.find(':') != std::string::npos ? "must be a name without ':'" : "";
}

struct arguments {
  std::string key;
  bool load = false;
  new_entry entry;
  std::string ttl;
  invalidation what;
  std::string name;
  uint64_t entries = 0;
};

void add_invalidate(CLI::App& cache, const options& how, action& chosen,
                    const std::shared_ptr<arguments>& given) {
  auto* command = add_command(cache, chosen, "invalidate", "remove entries from all levels",
                              [&how, given] { return invalidate_entries(how, given->what); });
  auto* which = command->add_option_group("which");
  which->add_option("--prefix", given->what.prefix, "all whose key begins with it");
  which->add_option("--tag", given->what.tag, "all that were set with it");
  which->add_option("keys", given->what.keys, "these");
  which->require_option(1);
}

} // namespace

std::string check_duration(const std::string& text) {
  return parse_duration(text) ? "" : "must be " + std::string{duration_grammar};
}

void add_cache_commands(CLI::App& app, const options& how, action& chosen) {
  auto* cache = app.add_subcommand("cache", "the cache")->require_subcommand(1);
  auto given = std::make_shared<arguments>();
  auto add = [&](const char* name, const char* text, action what) {
    return add_command(*cache, chosen, name, text, std::move(what));
  };
  auto* get = add("get", "print the value of a key; exit code 1 if it is not there",
                  [&how, given] { return get_entry(how, given->key, given->load); });
  get->add_option("key", given->key)->required();
  get->add_flag("--load", given->load, "ask the loader of its namespace if no level has it");

  auto* set = add("set", "set the value of a key", [&how, given] {
    if (!given->ttl.empty())
      given->entry.ttl = parse_duration(given->ttl);
    return set_entry(how, given->entry);
  });
  set->add_option("key", given->entry.key)->required();
  set->add_option("value", given->entry.value, "'-' is what standard input has")->required();
  set->add_option("--ttl", given->ttl, "how long it is fresh: 30s, 500ms")->check(check_duration);
  set->add_option("--tag", given->entry.tags, "may be given more than once")
      ->allow_extra_args(false);
  set->add_option("--reach", given->entry.reach, "how far it has to come before the answer")
      ->check(CLI::IsMember({"l1", "l2", "l3"}))
      ->capture_default_str();

  auto* erase = add("delete", "remove a key from all levels",
                    [&how, given] { return delete_entry(how, given->key); });
  erase->add_option("key", given->key)->required();
  add_invalidate(*cache, how, chosen, given);
  auto* clear = add("clear", "remove all keys of a namespace", [&how, given] {
    return invalidate_entries(how, {given->name + ":", {}, {}});
  });
  clear->add_option("namespace", given->name)->required()->check(check_namespace);

  auto* resize = add("resize-l1", "change how many entries memory has room for",
                     [&how, given] { return resize_l1(how, given->entries); });
  resize->add_option("entries", given->entries)->required();
  add("optimize-l2", "adjust the number of connections to how quickly Redis answers",
      [&how] { return optimize_l2(how); });
  add("stats", "the figures of all levels; the same as 'stats cache'",
      [&how] { return show_stats(how, "cache", ""); });
}

void add_checks(CLI::App& app, const options& how, action& chosen) {
  add_command(app, chosen, "preflight",
              "the status of each component; exit code 10 unless all are healthy",
              [&how] { return run_preflight(how); });
  auto delay = std::make_shared<std::string>("0");
  auto* baseline =
      add_command(app, chosen, "baseline", "whether the first level of the cache is quick enough",
                  [&how, delay] { return run_baseline(how, *parse_duration(*delay)); });
  baseline->add_option("--inject-l1-delay", *delay, "hold it up, to see the check fail; at most 1s")
      ->check(check_duration);
}

} // namespace dbs::ctl
