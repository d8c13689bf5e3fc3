#include "catalogue.hpp"

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

product_batch make_products(int32_t first, int32_t count) {
  product_batch result;
  std::minstd_rand random{static_cast<uint32_t>(first)};
  for (int32_t id = first; id < first + count; ++id) {
    auto name =
        pick(adjectives, random) + " " + pick(materials, random) + " " + pick(things, random);
    result.ids.push_back(id);
    result.categories.push_back(static_cast<int32_t>(random() % category_count));
    result.descriptions.push_back("A " + name + " " + pick(uses, random) + ", model " +
                                  std::to_string(id) + ".");
    result.names.push_back(std::move(name));
    result.price_cents.push_back(static_cast<int64_t>(100 + random() % 100'000));
    result.stock.push_back(static_cast<int32_t>(random() % 500));
  }
  return result;
}

const char* const insert_products =
    "INSERT INTO product (id, category, name, description, price_cents, stock) "
    "SELECT * FROM unnest($1::int[], $2::int[], $3::text[], $4::text[], $5::bigint[], $6::int[])";

} // namespace dbs::demo
