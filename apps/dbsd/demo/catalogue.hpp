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

/// Begins the loading of products.
extern const char* const copy_products;

/// The products `first` to `first + count - 1` as data for `copy_products`; the same in
/// every run.
std::string make_products(int32_t first, int32_t count);

} // namespace dbs::demo
