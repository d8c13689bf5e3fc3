#include "dbs/messages/redis/command.hpp"

#include "dbs/messages/error_detail.hpp"

#include <optional>

namespace dbs {

namespace {

/// Of most commands; more is allocated in a second step.
constexpr size_t expected_size = 62;

/// Takes the bulk that `rest` begins with off it; nothing if it does not begin with one.
std::optional<std::string_view> take_bulk(std::string_view& rest) {
  size_t size = 0;
  auto* end = rest.data() + rest.size();
  if (rest.empty() || rest.front() != '$')
    return std::nullopt;
  auto [at, problem] = std::from_chars(rest.data() + 1, end, size);
  auto padded = rest.size() > 2 && rest[1] == '0' && rest[2] != '\r'; // Redis hangs up
  if (problem != std::errc{} || padded || static_cast<size_t>(end - at) < 4 ||
      size > static_cast<size_t>(end - at) - 4 || at[0] != '\r' || at[1] != '\n' ||
      at[size + 2] != '\r' || at[size + 3] != '\n')
    return std::nullopt;
  std::string_view result{at + 2, size};
  rest.remove_prefix(static_cast<size_t>(at + size + 4 - rest.data()));
  return result;
}

} // namespace

redis_command& redis_command::add(std::string_view word) {
  if (bulks_.empty())
    bulks_.reserve(expected_size);
  char head[24];
  head[0] = '$';
  auto* end = std::to_chars(head + 1, head + sizeof(head) - 2, word.size()).ptr;
  end[0] = '\r';
  end[1] = '\n';
  bulks_.append(head, end + 2);
  bulks_.append(word);
  bulks_.append("\r\n", 2);
  ++words_;
  return *this;
}

redis_command& redis_command::add_from(const redis_command& other, size_t index) {
  if (index < other.words_) {
    bulks_.append(other.bulks(index));
    words_ += other.words_ - static_cast<uint32_t>(index);
  }
  return *this;
}

std::string_view redis_command::word(size_t index) const noexcept {
  auto rest = bulks(index);
  return take_bulk(rest).value_or(std::string_view{});
}

std::string_view redis_command::bulks(size_t index) const noexcept {
  std::string_view rest = bulks_;
  for (; index > 0 && take_bulk(rest); --index) {
    // skipped
  }
  return index == 0 ? rest : std::string_view{};
}

bool redis_command::consistent() const noexcept {
  std::string_view rest = bulks_;
  if (bytes() > max_bytes || words_ > max_words)
    return false;
  if (!source_.empty() && name() != "EVALSHA" && name() != "EVALSHA_RO")
    return false;
  for (uint32_t i = 0; i < words_; ++i)
    if (!take_bulk(rest))
      return false;
  return rest.empty();
}

caf::error redis_command::inconsistent() {
  return fail(errc::protocol_error, "a command to Redis from outside the process is malformed");
}

} // namespace dbs
