// What dbsctl's commands do; each returns the program's exit code.
#pragma once

#include "options.hpp"

#include <optional>
#include <string>
#include <vector>

namespace dbs::ctl {

int show_health(const options& how);

/// The figures of a service: "pool", "redis", ... Of which pool, if it has a name.
int show_stats(const options& how, const std::string& service, const std::string& pool);

/// Who holds connections of a pool. Here as below, the empty name is the default one's.
int show_holders(const options& how, const std::string& pool);

enum class tree_form { table, dependencies, dot };

int show_tree(const options& how, tree_form form);

int wait_ready(const options& how, caf::timespan limit);

int resize_pool(const options& how, const std::string& pool, const std::string& what, int64_t size);

int run_sql(const options& how, const std::string& pool, const std::string& statement,
            const std::vector<std::string>& params);

/// What this shell's environment and files say, without asking a node.
int show_own_configuration(const options& how, const std::optional<std::string>& mode,
                           const std::string& file);

/// What the running node uses.
int show_node_configuration(const options& how);

} // namespace dbs::ctl
