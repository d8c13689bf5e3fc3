#include "dbs/messages/error_detail.hpp"
#include "dbs/messages/wire/map_reader.hpp"
#include "dbs/messages/wire/map_writer.hpp"

#include "unit/messages/serialize.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <vector>

using namespace dbs;
using namespace std::string_literals;
using dbs::test::holds;
using wire::map_reader;
using wire::map_writer;

namespace {

blob sample() {
  map_writer out;
  out.put("nil", nullptr)
      .put("yes", true)
      .put("small", 7)
      .put("negative", -300)
      .put("large", std::numeric_limits<uint64_t>::max())
      .put("half", 0.5)
      .put("text", "abc")
      .put("bytes", wire::bytes{"\x00\x01"s})
      .put("numbers", std::vector<int64_t>{1, -1, 70'000})
      .put("none", std::vector<std::string>{});
  auto result = out.finish();
  REQUIRE(result);
  return *result;
}

std::string problem(std::string_view bytes, const wire::limits& bounds = {}) {
  auto in = map_reader::parse(bytes, bounds);
  if (in)
    return "none";
  CHECK(in.error() == errc::protocol_error);
  return detail(in.error()).what;
}

template <class T>
std::string problem_of(const map_reader& in, std::string_view key) {
  auto x = in.get<T>(key);
  if (x)
    return "none";
  CHECK(x.error() == errc::protocol_error);
  return detail(x.error()).what;
}

template <class... Ts>
std::string str(const Ts&... xs) {
  std::string result;
  (result.append(xs), ...);
  return result;
}

} // namespace

TEST_CASE("the bytes of a map stay what they were") {
  CHECK(test::hex(sample().view()) ==
        "8aa36e696cc0a3796573c3a5736d616c6c07a86e65676174697665d1fed4a56c61726765"
        "cfffffffffffffffffa468616c66cb3fe0000000000000a474657874a3616263a5627974"
        "6573c4020001a76e756d626572739301ffce00011170a46e6f6e6590");
}

TEST_CASE("a map is read as it was written") {
  auto bytes = sample();
  auto in = map_reader::parse(bytes.view());
  REQUIRE(in);
  CHECK(in->size() == 10);
  CHECK(in->contains("nil"));
  CHECK_FALSE(in->contains("other"));
  CHECK(holds(in->get<bool>("yes"), true));
  CHECK(holds(in->get<int>("small"), 7));
  CHECK(holds(in->get<uint8_t>("small"), 7));
  CHECK(holds(in->get<int16_t>("negative"), -300));
  CHECK(holds(in->get<uint64_t>("large"), std::numeric_limits<uint64_t>::max()));
  CHECK(holds(in->get<double>("half"), 0.5));
  CHECK(holds(in->get<std::string>("text"), "abc"));
  CHECK(holds(in->get<std::string_view>("text"), "abc"));
  CHECK(holds(in->get<wire::bytes>("bytes"), wire::bytes{"\x00\x01"s}));
  CHECK(holds(in->get<blob>("bytes"), blob{"\x00\x01"s}));
  CHECK(holds(in->get<std::vector<int>>("numbers"), std::vector{1, -1, 70'000}));
  CHECK(holds(in->get<std::vector<std::string>>("none"), std::vector<std::string>{}));
}

TEST_CASE("what may be missing is optional") {
  auto bytes = sample();
  auto in = map_reader::parse(bytes.view());
  REQUIRE(in);
  CHECK(holds(in->get<std::optional<int>>("other"), std::optional<int>{}));
  CHECK(holds(in->get<std::optional<int>>("nil"), std::optional<int>{}));
  CHECK(holds(in->get<std::optional<int>>("small"), std::optional{7}));
  CHECK(problem_of<std::optional<int>>(*in, "text") == "key \"text\" is not an integer");
  CHECK(problem_of<int>(*in, "other") == "key \"other\" is missing");
}

TEST_CASE("a value of another type is an error that names the key") {
  auto bytes = sample();
  auto in = map_reader::parse(bytes.view());
  REQUIRE(in);
  CHECK(problem_of<bool>(*in, "small") == "key \"small\" is not a boolean");
  CHECK(problem_of<int>(*in, "nil") == "key \"nil\" is not an integer");
  CHECK(problem_of<uint64_t>(*in, "half") == "key \"half\" is not an integer");
  CHECK(problem_of<double>(*in, "small") == "key \"small\" is not a floating point number");
  CHECK(problem_of<std::string>(*in, "bytes") == "key \"bytes\" is not a string");
  CHECK(problem_of<blob>(*in, "text") == "key \"text\" is not a byte string");
  CHECK(problem_of<std::vector<int>>(*in, "small") ==
        "key \"small\" is not an array of plain values");
  CHECK(problem_of<std::vector<bool>>(*in, "numbers") == "key \"numbers\" is not a boolean");
  CHECK(problem_of<int>(*in, "numbers") == "key \"numbers\" is not an integer");
}

TEST_CASE("a number that does not fit is an error, not another number") {
  auto bytes = sample();
  auto in = map_reader::parse(bytes.view());
  REQUIRE(in);
  CHECK(problem_of<int64_t>(*in, "large") == "key \"large\" is out of range");
  CHECK(problem_of<int8_t>(*in, "negative") == "key \"negative\" is out of range");
  CHECK(problem_of<uint64_t>(*in, "negative") == "key \"negative\" is out of range");
  CHECK(problem_of<std::vector<int16_t>>(*in, "numbers") == "key \"numbers\" is out of range");
}

TEST_CASE("optional elements and values are written as nil") {
  map_writer out;
  out.put("xs", std::vector<std::optional<int>>{1, std::nullopt}).put("x", std::optional<bool>{});
  auto bytes = out.finish();
  REQUIRE(bytes);
  auto in = map_reader::parse(bytes->view());
  REQUIRE(in);
  CHECK(holds(in->get<std::vector<std::optional<int>>>("xs"),
              std::vector<std::optional<int>>{1, std::nullopt}));
  CHECK(holds(in->get<std::optional<bool>>("x"), std::optional<bool>{}));
}

TEST_CASE("keys that nobody asks for are skipped, whatever they hold") {
  // {"new": {"a": [1, {2: nil}]}, "more": [[1], 2], "ext": ext 5, "x": 1}
  auto bytes = str("\x84", "\xa3new",
                   "\x81\xa1"
                   "a\x92\x01\x81\x02\xc0",
                   "\xa4more", "\x92\x91\x01\x02",
                   "\xa3"
                   "ext",
                   "\xd4\x05\x00"s, "\xa1x", "\x01");
  auto in = map_reader::parse(bytes);
  REQUIRE(in);
  CHECK(holds(in->get<int>("x"), 1));
  CHECK(problem_of<std::vector<int>>(*in, "more") ==
        "key \"more\" is not an array of plain values");
  CHECK(problem_of<std::string>(*in, "ext") == "key \"ext\" is not a string");
  CHECK(problem_of<int>(*in, "new") == "key \"new\" is not an integer");
}

TEST_CASE("numbers in a roundabout encoding are the same numbers") {
  // 7 as int64, 1.5 as float32
  auto bytes = str("\x82\xa1x\xd3\0\0\0\0\0\0\0\x07"s, "\xa1y\xca\x3f\xc0\0\0"s);
  auto in = map_reader::parse(bytes);
  REQUIRE(in);
  CHECK(holds(in->get<int>("x"), 7));
  CHECK(holds(in->get<uint8_t>("x"), uint8_t{7}));
  CHECK(holds(in->get<double>("y"), 1.5));
}

TEST_CASE("anything but one map is refused") {
  CHECK(problem("") == "the encoded map is cut off");
  CHECK(problem("\xc0") == "the encoded map is not a map");
  CHECK(problem("\x01") == "the encoded map is not a map");
  CHECK(problem("\x91\x80"s) == "the encoded map is not a map");
  CHECK(problem("\x90") == "the encoded map is not a map");
  CHECK(problem("\xa1x") == "the encoded map is not a map");
  CHECK(problem("\xc1") == "the encoded map is not msgpack");
  CHECK(problem("\x80\x80"s) == "the encoded map has something behind its end");
  CHECK(problem("\x80") == "none");
}

TEST_CASE("keys are strings and distinct") {
  CHECK(problem("\x81\x01\x01"s) == "the encoded map has a key that is not a string");
  CHECK(problem("\x81\xc4\x01x\x01"s) == "the encoded map has a key that is not a string");
  CHECK(problem("\x81\x90\x01"s) == "the encoded map has a key that is not a string");
  CHECK(problem("\x81\x80\x01"s) == "the encoded map has a key that is not a string");
  CHECK(problem("\x82\xa1x\x01\xa1x\x02"s) == "key \"x\" is there twice");
}

TEST_CASE("what is not msgpack names the key it stands at") {
  CHECK(problem("\x81\xa1x\xc1"s) == "key \"x\" is not msgpack");
}

TEST_CASE("a key is shown as far as it can be printed") {
  CHECK(problem("\x82\xa3"
                "a\n\xff\x01\xa3"
                "a\n\xff\x02"s) == "key \"a??\" is there twice");
}

TEST_CASE("every bound holds") {
  wire::limits bounds;
  SECTION("on the size of the whole") {
    bounds.max_bytes = 3;
    CHECK(problem("\x81\xa1x\x01"s, bounds) == "the encoded map is too large");
    bounds.max_bytes = 4;
    CHECK(problem("\x81\xa1x\x01"s, bounds) == "none");
  }
  SECTION("on entries") {
    bounds.max_entries = 1;
    CHECK(problem("\x82\xa1x\x01\xa1y\x01"s, bounds) == "the encoded map has too many entries");
    CHECK(problem("\x81\xa1x\x01"s, bounds) == "none");
  }
  SECTION("on keys") {
    bounds.max_key = 1;
    CHECK(problem("\x81\xa2xx\x01"s, bounds) == "the encoded map has a key that is too long");
  }
  SECTION("on strings") {
    bounds.max_string = 1;
    CHECK(problem("\x81\xa1x\xa2xx"s, bounds) == "key \"x\" is too long");
    CHECK(problem("\x81\xa1x\xc4\x02xx"s, bounds) == "key \"x\" is too long");
    CHECK(problem("\x81\xa1x\xa1x"s, bounds) == "none");
  }
  SECTION("on elements of all arrays together") {
    bounds.max_elements = 3;
    CHECK(problem("\x82\xa1x\x92\x01\x02\xa1y\x92\x01\x02"s, bounds) ==
          "key \"y\" has too many elements");
    CHECK(problem("\x82\xa1x\x92\x01\x02\xa1y\x91\x01"s, bounds) == "none");
  }
  SECTION("on depth") {
    bounds.max_depth = 2;
    CHECK(problem("\x81\xa1x\x91\x91\x01"s, bounds) == "key \"x\" is nested too deeply");
    CHECK(problem("\x81\xa1x\x91\x01"s, bounds) == "none");
  }
}

TEST_CASE("a length that is claimed costs nothing until the bytes arrive") {
  CHECK(problem("\xdf\xff\xff\xff\xff") == "the encoded map has too many entries");
  CHECK(problem("\x81\xa1x\xdd\xff\xff\xff\xff") == "key \"x\" has too many elements");
  CHECK(problem("\x81\xa1x\xdb\xff\xff\xff\xff") == "key \"x\" is cut off");
  CHECK(problem("\x81\xa1x\xc6\xff\xff\xff\xff") == "key \"x\" is cut off");
  wire::limits generous;
  generous.max_entries = generous.max_elements = std::numeric_limits<size_t>::max();
  CHECK(problem("\xdf\xff\xff\xff\xff", generous) == "the encoded map is cut off");
  CHECK(problem("\x81\xa1x\xdd\xff\xff\xff\xff", generous) == "key \"x\" is cut off");
}

TEST_CASE("deep nesting does not exhaust the reader") {
  CHECK(problem("\x81\xa1x" + std::string(500'000, '\x91')) == "key \"x\" is nested too deeply");
}

TEST_CASE("a map that is cut off anywhere is refused") {
  auto bytes = std::string{sample().view()};
  for (size_t size = 0; size < bytes.size(); ++size) {
    INFO(size);
    auto in = map_reader::parse(std::string_view{bytes}.substr(0, size));
    REQUIRE_FALSE(in);
    REQUIRE(in.error() == errc::protocol_error);
  }
}

TEST_CASE("no bytes make the reader stumble") {
  std::mt19937_64 rng{20261123}; // NOLINT(cert-msc51-cpp)
  auto good = std::string{sample().view()};
  size_t accepted = 0;
  for (auto i = 0; i < 100'000; ++i) {
    std::string bytes;
    if (i % 2 == 0) {
      bytes = good;
      for (auto n = 1 + rng() % 3; n > 0; --n)
        bytes[rng() % bytes.size()] = static_cast<char>(rng());
    } else {
      bytes.resize(rng() % 40);
      for (auto& c : bytes)
        c = static_cast<char>(rng());
      if (!bytes.empty())
        bytes[0] = static_cast<char>(0x80 | rng() % 4); // a small map
    }
    auto in = map_reader::parse(bytes);
    if (!in)
      continue;
    ++accepted;
    for (auto* key : {"nil", "small", "text", "numbers", "none"}) {
      (void)in->get<int>(key);
      (void)in->get<std::string>(key);
      (void)in->get<std::vector<int>>(key);
      (void)in->get<std::optional<blob>>(key);
    }
  }
  CHECK(accepted > 100);
}

TEST_CASE("random maps survive the way out and in") {
  std::mt19937_64 rng{20261123}; // NOLINT(cert-msc51-cpp)
  for (auto i = 0; i < 2000; ++i) {
    auto number = static_cast<int64_t>(rng()) >> rng() % 64;
    auto natural = rng() >> rng() % 64;
    std::string text(rng() % 300, 'x');
    std::vector<double> reals(rng() % 40, 0.1);
    map_writer out;
    out.put("number", number).put("natural", natural).put("text", text).put("reals", reals);
    auto bytes = out.finish();
    REQUIRE(bytes);
    auto in = map_reader::parse(bytes->view());
    REQUIRE(in);
    REQUIRE(holds(in->get<int64_t>("number"), number));
    REQUIRE(holds(in->get<uint64_t>("natural"), natural));
    REQUIRE(holds(in->get<std::string>("text"), text));
    REQUIRE(holds(in->get<std::vector<double>>("reals"), reals));
  }
}

// -- the writer ----------------------------------------------------------------------

TEST_CASE("an empty map can be written") {
  auto bytes = map_writer{}.finish();
  REQUIRE(bytes);
  CHECK(bytes->view() == "\x80");
}

TEST_CASE("a key that is put twice is refused") {
  map_writer out;
  out.put("x", 1).put("y", 2).put("x", 3);
  auto bytes = out.finish();
  REQUIRE_FALSE(bytes);
  CHECK(describe(bytes.error()) == "invalid_argument: key \"x\" was put twice");
}

TEST_CASE("the writer refuses what the reader would") {
  wire::limits bounds{
      .max_bytes = 40, .max_entries = 2, .max_key = 4, .max_string = 8, .max_elements = 3};
  map_writer out{bounds};
  SECTION("too many entries") {
    out.put("a", 1).put("b", 2).put("c", 3);
    CHECK(describe(out.finish().error()) ==
          "payload_too_large: key \"c\" does not fit into the map");
  }
  SECTION("a long key") {
    out.put("abcde", 1);
    CHECK(describe(out.finish().error()) ==
          "payload_too_large: key \"abcde\" does not fit into the map");
  }
  SECTION("a long string") {
    out.put("a", "123456789");
    CHECK(describe(out.finish().error()) == "payload_too_large: key \"a\" is too long");
  }
  SECTION("long bytes") {
    out.put("a", blob{"123456789"});
    CHECK(describe(out.finish().error()) == "payload_too_large: key \"a\" is too long");
  }
  SECTION("too many elements") {
    out.put("a", std::vector{1, 2}).put("b", std::vector{1, 2});
    CHECK(describe(out.finish().error()) == "payload_too_large: key \"b\" has too many elements");
  }
  SECTION("too much of all") {
    out.put("a", std::vector<std::string>(3, "12345678")).put("b", "12345678");
    CHECK(describe(out.finish().error()) == "payload_too_large: the encoded map is too large");
  }
}

TEST_CASE("whatever was put first is the error that is answered") {
  map_writer out{wire::limits{.max_string = 1}};
  out.put("a", "xx").put("a", 1).put("b", "xx");
  CHECK(describe(out.finish().error()) == "payload_too_large: key \"a\" is too long");
}
