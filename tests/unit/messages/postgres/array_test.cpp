#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/postgres/array.hpp"

#include "unit/messages/postgres/conversion.hpp"
#include "unit/messages/serialize.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <chrono>
#include <optional>
#include <random>
#include <string>
#include <vector>

using namespace dbs;
using namespace std::string_literals;
using dbs::test::holds;
using dbs::test::received;
using dbs::test::sent;

namespace {

using texts = std::vector<std::string>;
using nullable_texts = std::vector<std::optional<std::string>>;

template <class T>
bool survives(const T& x) {
  auto copy = received<T>(sent(x));
  return copy && *copy == x;
}

template <class T>
std::string problem(std::string_view text) {
  auto x = received<T>(text, 1009);
  return x ? "none" : describe(x.error());
}

} // namespace

TEST_CASE("an array is written as a literal") {
  CHECK(sent(std::vector<int>{}) == "{}");
  CHECK(sent(std::vector{1, -2, 3}) == "{1,-2,3}");
  CHECK(sent(std::vector<std::optional<int>>{1, std::nullopt}) == "{1,NULL}");
  CHECK(sent(std::vector{true, false}) == "{true,false}");
  CHECK(sent(std::vector<std::string_view>{"a", "b"}) == "{a,b}");
}

TEST_CASE("elements are quoted where they would be misread") {
  CHECK(sent(texts{""}) == R"({""})");
  CHECK(sent(texts{"NULL", "null", "NULLS"}) == R"({"NULL","null",NULLS})");
  CHECK(sent(texts{"a,b"}) == R"({"a,b"})");
  CHECK(sent(texts{"{}"}) == R"({"{}"})");
  CHECK(sent(texts{R"(say "hi")"}) == R"({"say \"hi\""})");
  CHECK(sent(texts{R"(back\slash)"}) == R"({"back\\slash"})");
  CHECK(sent(texts{" padded "}) == R"({" padded "})");
  CHECK(sent(std::vector{blob{"A"}}) == R"({"\\x41"})");
}

TEST_CASE("arrays of every type survive the way to the server and back") {
  CHECK(survives(std::vector<int16_t>{1, -2}));
  CHECK(survives(std::vector<uint64_t>{0, 18446744073709551615U}));
  CHECK(survives(std::vector<bool>{true, false, true}));
  CHECK(survives(std::vector<double>{0.1, -1e300}));
  CHECK(survives(std::vector<blob>{blob{}, blob{"\x00\x01"s}}));
  CHECK(survives(std::vector<uuid>{uuid{}}));
  CHECK(survives(std::vector<pg_numeric>{*pg_numeric::parse("1.50")}));
  CHECK(survives(std::vector<pg_json>{{R"({"a":[1]})"}, {"null"}}));
  CHECK(survives(std::vector<std::chrono::system_clock::time_point>{{}}));
  CHECK(survives(std::vector<std::optional<bool>>{true, std::nullopt}));
}

TEST_CASE("arrays of any text survive the way to the server and back") {
  std::mt19937_64 rng{20261123}; // NOLINT(cert-msc51-cpp)
  constexpr std::string_view alphabet = "aNULnul{}\",\\' \t\n\r\v\f\x01\xc3\xa4";
  for (auto i = 0; i < 2000; ++i) {
    nullable_texts xs(rng() % 6);
    for (auto& x : xs) {
      if (rng() % 5 == 0)
        continue;
      x.emplace(rng() % 8, ' ');
      for (auto& c : *x)
        c = alphabet[rng() % alphabet.size()];
    }
    INFO(sent(xs));
    REQUIRE(survives(xs));
  }
}

TEST_CASE("a null element needs a place") {
  CHECK(holds(received<nullable_texts>(R"({a,NULL,"NULL"})"),
              nullable_texts{"a", std::nullopt, "NULL"}));
  CHECK(problem<texts>("{a,NULL}") ==
        "invalid_argument: column \"x\" (text[]) is an array with a null element");
}

TEST_CASE("an array whose element is wrong is wrong") {
  CHECK(problem<std::vector<int>>("{1,2x}") ==
        "invalid_argument: column \"x\" (text[]) is not an integer");
  CHECK_FALSE(received<std::vector<int8_t>>("{1,300}"));
}

TEST_CASE("nested arrays are refused") {
  CHECK(problem<texts>("{{a,b},{c,d}}") ==
        "invalid_argument: column \"x\" (text[]) is a nested array");
  CHECK(problem<texts>("{a,{b}}") == "invalid_argument: column \"x\" (text[]) is a nested array");
}

TEST_CASE("arrays with bounds of their own are refused") {
  CHECK(problem<std::vector<int>>("[0:1]={1,2}") ==
        "invalid_argument: column \"x\" (text[]) is an array with bounds of its own");
}

TEST_CASE("what is not an array literal is refused") {
  auto text = GENERATE(as<std::string>{}, "", "a", "{", "}", "{a", "a}", "{a}b", "{a,}", "{,a}",
                       "{,}", "{a,,b}", R"({"a)", R"({"a})", R"({"a"b})", R"({a"b"})", R"({"a\)",
                       R"({a\b})", "{a}}", "{}}", "{} ", "{a}{b}");
  INFO(text);
  CHECK_FALSE(received<texts>(text));
  CHECK_FALSE(received<nullable_texts>(text));
}

TEST_CASE("no text makes the reader of arrays stumble") {
  std::mt19937_64 rng{20261123}; // NOLINT(cert-msc51-cpp)
  constexpr std::string_view alphabet = "a1{},\"\\NUL";
  for (auto i = 0; i < 20'000; ++i) {
    std::string text(rng() % 12, ' ');
    for (auto& c : text)
      c = alphabet[rng() % alphabet.size()];
    auto xs = received<nullable_texts>(text);
    INFO(text);
    if (xs)
      REQUIRE(survives(*xs));
  }
}

TEST_CASE("a zero byte within an element is refused") {
  CHECK(sent(texts{"a\0b"s}) == "error: $1 contains a zero byte");
}
