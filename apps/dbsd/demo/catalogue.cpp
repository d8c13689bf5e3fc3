#include "catalogue.hpp"

#include "dbs/messages/postgres/copy_text.hpp"

#include <array>
#include <random>

namespace dbs::demo {

namespace {

constexpr std::array adjectives{"compact", "durable", "foldable", "quiet",  "solar",
                                "steel",   "wooden",  "wireless", "bright", "heavy-duty"};
constexpr std::array materials{"oak",   "aluminium", "bamboo", "cotton", "ceramic",
                               "glass", "leather",   "linen",  "copper", "felt"};
constexpr std::array things{"lamp",   "kettle", "desk",    "bicycle bell", "drill",   "notebook",
                            "teapot", "shelf",  "headset", "keyboard",     "hammock", "tripod"};
constexpr std::array uses{"for small flats", "for the workshop",  "for travelling",
                          "for the garden",  "for long evenings", "for cold mornings"};

template <class Words>
std::string pick(const Words& words, std::minstd_rand& random) {
  return words[random() % words.size()];
}

} // namespace

const std::vector<std::string>& schema() {
  static const std::vector<std::string> result{
      "CREATE TABLE product (id int PRIMARY KEY, category int NOT NULL, name text NOT NULL, "
      "description text NOT NULL, price_cents bigint NOT NULL, stock int NOT NULL)",
      "CREATE TABLE purchase (id bigserial PRIMARY KEY, product int NOT NULL REFERENCES product, "
      "quantity int NOT NULL, bought_at timestamptz NOT NULL DEFAULT now())",
  };
  return result;
}

const char* const copy_products =
    "COPY product (id, category, name, description, price_cents, stock) FROM STDIN";

std::string make_products(int32_t first, int32_t count) {
  std::string result;
  std::minstd_rand random{static_cast<uint32_t>(first)};
  for (int32_t id = first; id < first + count; ++id) {
    auto name =
        pick(adjectives, random) + " " + pick(materials, random) + " " + pick(things, random);
    auto category = static_cast<int32_t>(random() % category_count);
    auto description =
        "A " + name + " " + pick(uses, random) + ", model " + std::to_string(id) + ".";
    auto price_cents = static_cast<int64_t>(100 + random() % 100'000);
    auto stock = static_cast<int32_t>(random() % 500);
    // It cannot fail: there is no zero byte in these words.
    static_cast<void>(append_copy_row(result, id, category, name, description, price_cents, stock));
  }
  return result;
}

} // namespace dbs::demo
