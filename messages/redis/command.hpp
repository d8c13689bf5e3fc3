// One command to Redis, encoded as it goes over the wire.
//
// ~~~
// auto set = make_redis_command("SET", "user:1", name, "EX", 60);
//
// redis_command many{"MGET"};
// for (auto& key : keys)
//   many.add(key);
// ~~~
#pragma once

#include "dbs/messages/blob.hpp"
#include "dbs/messages/printer.hpp"
#include "dbs/messages/type_ids.hpp"

#include <caf/error.hpp>

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace dbs {

/// Words: the name, then the arguments. They are encoded by whoever makes the command, so
/// that the loop that sends it only copies bytes.
///
/// Words are bytes and may contain anything. Numbers are written in decimal, floating point
/// so that reading gives the same number again.
class redis_command {
public:
  /// Of one command on the wire, in bytes.
  static constexpr size_t max_bytes = size_t{64} << 20;

  static constexpr size_t max_words = 1'000'000;

  redis_command() = default;

  explicit redis_command(std::string_view name) { add(name); }

  redis_command& add(std::string_view word);

  redis_command& add(const blob& word) { return add(word.view()); }

  template <class T>
  requires(std::is_arithmetic_v<T> && !std::same_as<T, bool> &&
           !std::same_as<T, char>) redis_command& add(T number) {
    char text[32];
    auto end = std::to_chars(text, text + sizeof(text), number).ptr;
    return add(std::string_view{text, end});
  }

  /// What Redis is sent in place of EVALSHA, whose first argument is the SHA-1 of this,
  /// when it does not know the script.
  redis_command& with_source(blob source) {
    source_ = std::move(source);
    return *this;
  }

  const blob& source() const noexcept { return source_; }

  /// Adds the words of `other` from `index` on.
  redis_command& add_from(const redis_command& other, size_t index);

  size_t words() const noexcept { return words_; }

  /// In the case in which it was given; empty for a default-constructed command.
  std::string_view name() const noexcept { return word(0); }

  /// The word at `index`, which takes a walk over those before it; empty if there is none.
  std::string_view word(size_t index) const noexcept;

  /// All words from `index` on, as they are sent: `$length CRLF bytes CRLF` each.
  std::string_view bulks(size_t index = 0) const noexcept;

  /// Bytes held, for admission.
  size_t bytes() const noexcept { return bulks_.size() + source_.size(); }

  friend bool operator==(const redis_command&, const redis_command&) = default;

  /// Loading refuses what is not a command. Words are not printed but for the name: logs
  /// must not contain them.
  template <class Inspector>
  friend bool inspect(Inspector& f, redis_command& x) {
    if constexpr (!Inspector::is_loading) {
      if (internal::is_printer(f)) {
        std::string name{x.name()};
        return f.object(x).fields(f.field("name", name), f.field("words", x.words_));
      }
    }
    if (!f.object(x).fields(f.field("words", x.words_), f.field("bulks", x.bulks_),
                            f.field("source", x.source_)))
      return false;
    if constexpr (Inspector::is_loading) {
      if (!x.consistent()) {
        x = redis_command{};
        f.set_error(inconsistent());
        return false;
      }
    }
    return true;
  }

private:
  /// Whether the bulks are so many, one behind the other.
  bool consistent() const noexcept;

  static caf::error inconsistent();

  std::string bulks_;
  uint32_t words_ = 0;
  blob source_;
};

template <class... Ts>
redis_command make_redis_command(std::string_view name, const Ts&... words) {
  redis_command result{name};
  (result.add(words), ...);
  return result;
}

} // namespace dbs
