// Properties of both URL parsers: nothing crashes them, nothing makes them tell a
// password, and what they accept survives being written down again.
#include "dbs/config/database_url.hpp"
#include "dbs/config/redis_url.hpp"
#include "dbs/config/url_mask.hpp"
#include "dbs/messages/error_detail.hpp"

#include <catch2/catch_message.hpp>
#include <catch2/catch_test_macros.hpp>

#include <array>
#include <random>
#include <string>
#include <utility>

using namespace dbs;

namespace {

// Any three characters of these in a row are in no other part of a URL or message.
constexpr std::string_view password = "Zq7Xw9Kv4";

constexpr std::array<std::string_view, 9> database_seeds{
    "postgresql+asyncpg://user:Zq7Xw9Kv4@host:5432/dbname?ssl=require&timeout=5",
    "postgresql://user:Zq7Xw9Kv4@h1:5432,h2:5433/dbname?sslmode=verify-full",
    "postgres://user:Zq7Xw9Kv4@[2001:db8::1]:5432/dbname?connect_timeout=10",
    "postgresql://host/dbname?user=user&password=Zq7Xw9Kv4&application_name=app",
    "postgresql://host/dbname?sslpassword=Zq7Xw9Kv4&sslkey=/etc/key",
    "postgresql+asyncpg://user:Zq7Xw9Kv4@/dbname?host=h1:5432&host=h2:5433",
    "postgresql://user:Zq7Xw9Kv4@%2Frun%2Fpostgresql/dbname",
    "postgresql+asyncpg://user:Zq7Xw9Kv4@h/d?server_settings=jit=off,work_mem=4MB&options=-cx%3Dy",
    "postgresql://user:Zq7Xw9Kv4@host:5432/dbname?port=6000",
};

constexpr std::array<std::string_view, 4> redis_seeds{
    "redis://user:Zq7Xw9Kv4@host:6379/0",
    "rediss://:Zq7Xw9Kv4@[::1]:6380/3",
    "redis://host/1?username=user&password=Zq7Xw9Kv4",
    "rediss://:Zq7Xw9Kv4@host?db=2",
};

/// Mutates at places that matter: the separators, and anywhere. Half of the changes
/// are deletions and swaps of separators, which is what people get wrong.
class mutator {
public:
  explicit mutator(uint32_t seed) : random_(seed) {}

  std::string operator()(std::string_view url) {
    std::string result{url};
    for (auto left = pick(4) + 1; left > 0 && !result.empty(); --left)
      mutate(result);
    return result;
  }

private:
  size_t pick(size_t n) { return std::uniform_int_distribution<size_t>{0, n - 1}(random_); }

  /// A position, half of the time that of a separator.
  size_t place(const std::string& text) {
    auto start = pick(text.size());
    if (pick(2) == 0)
      return start;
    auto found = text.find_first_of(separators, start);
    return found != std::string::npos ? found : start;
  }

  char character() {
    return pick(4) == 0 ? static_cast<char>(pick(256)) : separators[pick(separators.size())];
  }

  void mutate(std::string& text) {
    auto at = place(text);
    switch (pick(5)) {
    case 0:
      text.erase(at, 1);
      break;
    case 1:
      text[at] = character();
      break;
    case 2:
      text.insert(at, 1, character());
      break;
    case 3:
      text.resize(at);
      break;
    default:
      std::swap(text[at], text[place(text)]);
    }
  }

  static constexpr std::string_view separators = ":/@?&=%+,[]#\\ ";
  std::mt19937 random_;
};

/// True if any three characters of the password in a row are in `text`.
bool tells_password(std::string_view text) {
  for (size_t i = 0; i + 3 <= password.size(); ++i)
    if (text.find(password.substr(i, 3)) != std::string_view::npos)
      return true;
  return false;
}

std::string escape(std::string_view text) {
  static constexpr std::string_view digits = "0123456789ABCDEF";
  std::string result;
  for (auto c : text) {
    auto byte = static_cast<unsigned char>(c);
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
      result += c;
    else
      result += {'%', digits[byte / 16], digits[byte % 16]};
  }
  return result;
}

std::string bracketed(const std::string& host) {
  return host.find(':') != std::string::npos ? "[" + escape(host) + "]" : escape(host);
}

std::string to_url(const database_target& x) {
  auto result = "postgresql://" + escape(x.user) + ":" + escape(x.password.reveal()) + "@";
  for (auto& host : x.hosts)
    result += (&host == x.hosts.data() ? "" : ",") + bracketed(host.host) + ":" +
              std::to_string(host.port);
  result += "/" + escape(x.dbname);
  auto separator = '?';
  auto add = [&](std::string_view name, std::string_view value) {
    result += separator + std::string{name} + "=" + escape(value);
    separator = '&';
  };
  for (auto& [name, value] : x.parameters)
    add(name, value);
  if (x.connect_timeout)
    add("timeout", std::to_string(x.connect_timeout->count()) + "ns");
  if (x.statement_timeout)
    add("command_timeout", std::to_string(x.statement_timeout->count()) + "ns");
  if (x.statement_cache)
    add("statement_cache_size", std::to_string(*x.statement_cache));
  return result;
}

std::string to_url(const redis_target& x) {
  auto credentials = x.user.empty() && x.password.empty()
                         ? std::string{}
                         : escape(x.user) + ":" + escape(x.password.reveal()) + "@";
  return (x.tls ? "rediss://" : "redis://") + credentials + bracketed(x.address.host) + ":" +
         std::to_string(x.address.port) + "/" + std::to_string(x.db);
}

constexpr auto rounds = 20'000;
constexpr uint32_t seed = 20260101;

/// Feeds mutations of `seeds` to `parse` and checks the three properties.
template <class Seeds, class Parse>
void check_properties(const Seeds& seeds, Parse parse) {
  mutator mutate{seed};
  auto accepted = 0;
  for (auto i = 0; i < rounds; ++i) {
    auto url = mutate(seeds[static_cast<size_t>(i) % seeds.size()]);
    INFO("seed " << seed << ", round " << i << ": " << url);
    auto target = parse(url);
    if (!target) {
      auto what = detail(target.error()).what;
      if (what.empty() || tells_password(what))
        FAIL("bad message: " << what);
      if (tells_password(mask_url(url)))
        FAIL("bad mask: " << mask_url(url));
      continue;
    }
    ++accepted;
    auto again = parse(to_url(*target));
    if (!again || !(*again == *target))
      FAIL("another target after " << to_url(*target));
  }
  // Mutations that break everything would prove little about what is accepted.
  CHECK(accepted > rounds / 50);
  CHECK(accepted < rounds);
}

} // namespace

TEST_CASE("mangled database URLs neither crash nor tell the password, valid ones survive a round") {
  check_properties(database_seeds, [](std::string_view url) { return parse_database_url(url); });
}

TEST_CASE("mangled Redis URLs neither crash nor tell the password, valid ones survive a round") {
  check_properties(redis_seeds, [](std::string_view url) { return parse_redis_url(url); });
}

TEST_CASE("a mask shows nothing but a scheme that we know") {
  CHECK(mask_url("postgresql+asyncpg://u:p@h:99999/d") == "postgresql+asyncpg://***");
  CHECK(mask_url("redis://:p@h/0") == "redis://***");
  CHECK(mask_url("postgresql:/u:p@host") == "***");
  CHECK(mask_url("pass://word") == "***");
  CHECK(mask_url("") == "***");
}

TEST_CASE("text is masked where it looks like a URL or gives a value to a secret name") {
  for (auto text : {"x://y", "u@h", "host=h password=p", "PassWord = p", "password='p'",
                    "a=b&sslpassword=p", "api_token=p", "=password=p"})
    CHECK(mask_text(text) == "***");
  CHECK(mask_text("redis://h") == "redis://***");
  for (auto text :
       {"", "=", "a=b", "=x key", "host=h user=u", "password", "key-value pair: expected '='"})
    CHECK(mask_text(text) == text);
}
