// Property: whatever bytes come, every one of them is answered with complete
// answers, by closing the connection, or both; and the next client is served.
#include "unit/runtime/http/server_fixture.hpp"

#include <algorithm>
#include <random>

using namespace http_test;

namespace {

using engine = std::mt19937;

std::vector<std::string> corpus() {
  return {
      get("/hello"),
      get("/item/a%20b?x=1&y=%2f", "Accept: */*\r\nUser-Agent: t\r\n"),
      post("some body that is not too short"),
      "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nX-Trailer: y\r\n\r\n",
      "HEAD /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
      "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab",
      "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
      get("/nothing") + get("/hello") + post("x"),
  };
}

size_t below(engine& rng, size_t n) {
  return std::uniform_int_distribution<size_t>{0, n - 1}(rng);
}

void mutate(std::string& bytes, const std::vector<std::string>& seeds, engine& rng) {
  static const std::vector<std::string> tokens{"\r\n",
                                               "\r",
                                               "\n",
                                               "\r\n\r\n",
                                               ":",
                                               " ",
                                               "%",
                                               "%zz",
                                               "\0x",
                                               "HTTP/1.1",
                                               "Content-Length: 1\r\n",
                                               "Content-Length: 99999999999999999999\r\n",
                                               "Transfer-Encoding: chunked\r\n",
                                               "ffffffffffffffff\r\n",
                                               "Host: h\r\n",
                                               "Connection: close\r\n",
                                               "Expect: 100-continue\r\n",
                                               "\t",
                                               "\x7f",
                                               "\xff\xfe",
                                               "0\r\n\r\n"};
  auto at = below(rng, bytes.size() + 1);
  switch (below(rng, 7)) {
  case 0:
    bytes.resize(at);
    break;
  case 1:
    if (at < bytes.size())
      bytes[at] = static_cast<char>(below(rng, 256));
    break;
  case 2:
    bytes.insert(at, tokens[below(rng, tokens.size())]);
    break;
  case 3:
    bytes.erase(at, 1 + below(rng, 8));
    break;
  case 4:
    bytes.insert(at, bytes.substr(below(rng, bytes.size() + 1), below(rng, 64)));
    break;
  case 5:
    bytes += seeds[below(rng, seeds.size())];
    break;
  default:
    bytes.insert(at, std::string(below(rng, 300), static_cast<char>(below(rng, 256))));
    break;
  }
}

/// True if the text is a sequence of complete answers. Bodies may be missing where
/// the request was HEAD, which a mutation may have made or unmade; an answer begins
/// in any case right behind a head or behind a body.
bool all_answers(std::string_view text) {
  while (!text.empty()) {
    auto end = text.find("\r\n\r\n");
    if (!text.starts_with("HTTP/1.1 ") || end == std::string_view::npos)
      return false;
    auto status = text.substr(9, 3);
    static const std::vector<std::string_view> expected{"100", "200", "400", "404", "405",
                                                        "413", "414", "417", "431", "501"};
    if (std::find(expected.begin(), expected.end(), status) == expected.end())
      return false;
    auto head = text.substr(0, end + 2);
    text.remove_prefix(end + 4);
    auto pos = head.find("\r\nContent-Length: ");
    if (pos == std::string_view::npos)
      continue;
    auto length = std::stoul(std::string{head.substr(pos + 18, 10)});
    if (text.size() >= length && (text.size() == length || text.substr(length, 5) == "HTTP/"))
      text.remove_prefix(length);
    else if (!text.empty() && !text.starts_with("HTTP/"))
      return false;
  }
  return true;
}

} // namespace

TEST_CASE("no bytes crash, hang or confuse the server", "[http][fuzz]") {
  constexpr int rounds = 20'000;
  auto seed = std::random_device{}();
  CAPTURE(seed);
  engine rng{seed};
  auto seeds = corpus();
  fixture f;
  for (int i = 0; i < rounds; ++i) {
    auto bytes = seeds[below(rng, seeds.size())];
    for (auto n = below(rng, 4); n > 0; --n)
      mutate(bytes, seeds, rng);
    auto c = f.connect_pair();
    // In up to two pieces, so that the parser is also interrupted.
    auto cut = below(rng, bytes.size() + 1);
    c.try_send(std::string_view{bytes}.substr(0, cut));
    f.poll();
    c.try_send(std::string_view{bytes}.substr(cut));
    c.end_of_input();
    for (int turns = 0; turns < 100 && !c.closed; ++turns) {
      f.poll();
      c.pull();
    }
    if (!c.closed || c.reset || !all_answers(c.received)) {
      CAPTURE(i, bytes, c.received, c.closed, c.reset);
      FAIL("the connection was not answered and closed");
    }
  }
  CHECK(f.until([&] { return f.server().stats().active == 0; }));
  CHECK(f.timers.size() == 0);
  auto stats = f.server().stats();
  CHECK(stats.accepted == rounds);
  // The mutations must reach both sides of the parser.
  CHECK(stats.requests > rounds / 10);
  CHECK(stats.bad_requests > rounds / 10);
  auto c = f.connect_pair();
  CHECK(f.ask(c, get("/hello")).status == 200);
}
