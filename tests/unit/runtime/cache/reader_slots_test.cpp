#include "dbs/runtime/cache/reader_slots.hpp"

#include <catch2/catch_test_macros.hpp>

#include <future>
#include <thread>
#include <vector>

using dbs::cache::reader_slots;

TEST_CASE("what was unlinked before a reader began may be freed, what it may see may not") {
  reader_slots readers;
  auto before = readers.retire_tag();
  CHECK(before < readers.oldest_reader());
  {
    reader_slots::pin pinned{readers, *readers.mine()};
    CHECK(before < readers.oldest_reader());
    auto during = readers.retire_tag();
    CHECK(during >= readers.oldest_reader());
    CHECK(during >= readers.oldest_reader());
  }
  auto after = readers.retire_tag();
  CHECK(after < readers.oldest_reader());
}

TEST_CASE("the inner of two nested pins does not end the outer") {
  reader_slots readers;
  reader_slots::pin outer{readers, *readers.mine()};
  { reader_slots::pin inner{readers, *readers.mine()}; }
  auto tag = readers.retire_tag();
  CHECK(tag >= readers.oldest_reader());
}

TEST_CASE("a reader on another thread counts, and no longer than it reads") {
  reader_slots readers;
  std::promise<void> pinned;
  std::promise<void> go_on;
  std::thread reader{[&] {
    reader_slots::pin pin{readers, *readers.mine()};
    pinned.set_value();
    go_on.get_future().wait();
  }};
  pinned.get_future().wait();
  auto tag = readers.retire_tag();
  CHECK(tag >= readers.oldest_reader());
  go_on.set_value();
  reader.join();
  CHECK(tag < readers.oldest_reader());
}

TEST_CASE("threads have slots of their own, and leave them to later threads") {
  reader_slots readers;
  auto* mine = readers.mine();
  reader_slots::slot* first = nullptr;
  reader_slots::slot* second = nullptr;
  auto count = [&readers](reader_slots::slot*& seen) {
    seen = readers.mine();
    seen->count(1);
  };
  std::thread{count, std::ref(first)}.join();
  std::thread{count, std::ref(second)}.join();
  CHECK(first != mine);
  CHECK(first == second);
  CHECK(readers.mine() == mine);
  CHECK(readers.total(1) == 2);
  CHECK(readers.total(0) == 0);
}

TEST_CASE("counts of a thread that has ended are kept") {
  reader_slots readers;
  std::vector<std::thread> threads;
  for (auto i = 0; i < 100; ++i)
    threads.emplace_back([&readers] {
      for (auto n = 0; n < 1000; ++n)
        readers.mine()->count(2);
    });
  for (auto& x : threads)
    x.join();
  CHECK(readers.total(2) == 100'000);
}
