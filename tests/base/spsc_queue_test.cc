#include "base/spsc_queue.h"

#include <doctest/doctest.h>

#include <memory>
#include <thread>

namespace flow {

TEST_CASE("a queue gives items back in order and refuses when full") {
  SpscQueue<int> queue(3);  // rounded up to 4
  for (int i = 0; i < 4; ++i)
    CHECK(queue.push(i));
  CHECK_FALSE(queue.push(4));
  CHECK(queue.pop() == 0);
  CHECK(queue.push(4));
  for (int i = 1; i <= 4; ++i)
    CHECK(queue.pop() == i);
  CHECK_FALSE(queue.pop());
}

TEST_CASE("a queue moves items that cannot be copied") {
  SpscQueue<std::unique_ptr<int>> queue(2);
  CHECK(queue.push(std::make_unique<int>(7)));
  CHECK(**queue.pop() == 7);
}

TEST_CASE("two threads lose nothing and keep the order") {
  constexpr std::uint64_t kItems = 200'000;
  SpscQueue<std::uint64_t> queue(64);
  std::jthread producer([&queue] {
    for (std::uint64_t i = 0; i < kItems; ++i) {
      while (!queue.push(i))
        std::this_thread::yield();
    }
  });
  std::uint64_t expected = 0;
  bool in_order = true;
  while (expected < kItems) {
    const auto item = queue.pop();
    if (!item) {
      std::this_thread::yield();
      continue;
    }
    in_order = in_order && *item == expected;
    ++expected;
  }
  CHECK(in_order);
  CHECK_FALSE(queue.pop());
}

}  // namespace flow
