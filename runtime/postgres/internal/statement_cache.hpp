// The prepared statements of one connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace dbs::postgres::internal {

/// Least recently used first out. What is evicted still exists on the server until
/// somebody takes its name from `take_doomed` and deallocates it.
class statement_cache {
public:
  struct entry {
    std::string sql;
    /// Never used twice by one connection.
    std::string name;
    /// Classified once, so that running it again costs nothing.
    bool touches_session = false;
    /// Whether the answer's tag had its say, too.
    bool tag_seen = false;
    /// Not to be used any more, though its Parse is under way.
    bool outdated = false;
  };

  /// @param capacity 0 disables the cache.
  explicit statement_cache(size_t capacity) : capacity_(capacity) {}

  bool enabled() const noexcept { return capacity_ > 0; }

  bool full() const noexcept { return entries_.size() >= capacity_; }

  size_t size() const noexcept { return entries_.size(); }

  /// Looks a statement up and makes it the most recently used.
  entry* find(std::string_view sql);

  /// A name for a statement that is about to be prepared.
  std::string next_name() { return "dbs_" + std::to_string(++names_); }

  /// Adds what has been prepared. Invalidates no entry but the one it evicts.
  entry& insert(entry what);

  /// Moves all entries to the doomed.
  void forget();

  /// The server itself has dropped all prepared statements.
  void clear();

  /// Adds a name to the doomed.
  void doom(std::string name) { doomed_.push_back(std::move(name)); }

  size_t doomed() const noexcept { return doomed_.size(); }

  /// Names to deallocate now, at most `limit`.
  std::vector<std::string> take_doomed(size_t limit);

private:
  size_t capacity_;
  uint64_t names_ = 0;
  /// Most recently used first.
  std::list<entry> entries_;
  /// The keys are views of the entries' texts.
  std::unordered_map<std::string_view, std::list<entry>::iterator> index_;
  std::vector<std::string> doomed_;
};

} // namespace dbs::postgres::internal
