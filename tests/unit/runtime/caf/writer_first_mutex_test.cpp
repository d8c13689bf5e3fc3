#include "dbs/runtime/caf/writer_first_mutex.hpp"

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <chrono>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <vector>

using namespace dbs;
using namespace std::chrono_literals;

TEST_CASE("readers share the lock, a writer has it alone") {
  writer_first_mutex mutex;
  std::shared_lock first{mutex};
  std::thread{[&] { std::shared_lock second{mutex}; }}.join();
  first.unlock();
  // given two threads that count without an atomic
  auto count = 0;
  auto add = [&] {
    for (int i = 0; i < 100'000; ++i) {
      std::unique_lock guard{mutex};
      ++count;
    }
  };
  std::thread other{add};
  add();
  other.join();
  CHECK(count == 200'000);
}

TEST_CASE("a writer has its turn however many read all the time") {
  // given readers that leave no moment without one of them
  writer_first_mutex mutex;
  std::atomic<bool> stop = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 8; ++i)
    readers.emplace_back([&] {
      while (!stop)
        std::shared_lock guard{mutex};
    });
  // when one writes; with std::shared_mutex it comes in about once a second
  auto writes = 0;
  auto end = std::chrono::steady_clock::now() + 20s;
  while (writes < 100 && std::chrono::steady_clock::now() < end) {
    std::unique_lock guard{mutex};
    ++writes;
    guard.unlock();
    std::this_thread::yield();
  }
  stop = true;
  for (auto& reader : readers)
    reader.join();
  // then
  CHECK(writes == 100);
}
