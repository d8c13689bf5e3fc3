// The demo's data: a product catalogue of 100,000 rows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace dbs::demo {

constexpr int32_t product_count = 100'000;
constexpr int32_t category_count = 200;

/// Tables and indexes; the tables must not exist.
const std::vector<std::string>& schema();

/// Rows of the product table as one array per column, for `unnest`.
struct product_batch {
  std::vector<int32_t> ids;
  std::vector<int32_t> categories;
  std::vector<std::string> names;
  std::vector<std::string> descriptions;
  std::vector<int64_t> price_cents;
  std::vector<int32_t> stock;
};

/// The products `first` to `first + count - 1`; the same in every run.
product_batch make_products(int32_t first, int32_t count);

/// Inserts a batch: its arrays are the parameters, in the order of the struct.
extern const char* const insert_products;

} // namespace dbs::demo
