// dbsctl's commands for the cache; each returns the program's exit code.
#pragma once

#include "options.hpp"

#include <caf/timespan.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dbs::ctl {

/// Prints the value: its bytes as they are, unless they go to a terminal. A key that is not
/// there is a failed check, and nothing is printed but JSON.
int get_entry(const options& how, const std::string& key, bool load);

struct new_entry {
  std::string key;
  /// "-" is what standard input has.
  std::string value;
  std::optional<caf::timespan> ttl;
  std::vector<std::string> tags;
  std::string reach = "l2";
};

int set_entry(const options& how, const new_entry& what);

int delete_entry(const options& how, const std::string& key);

/// One of the three.
struct invalidation {
  std::optional<std::string> prefix;
  std::optional<std::string> tag;
  std::vector<std::string> keys;
};

int invalidate_entries(const options& how, const invalidation& what);

int resize_l1(const options& how, uint64_t entries);

int optimize_l2(const options& how);

} // namespace dbs::ctl
