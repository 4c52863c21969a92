#include "base/spsc_queue.h"

#include <doctest/doctest.h>

#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace flow {

TEST_CASE("a queue gives items back in order and refuses when full") {
  SpscQueue<int> queue(3);  // rounded up to 4
  for (int i = 0; i < 4; ++i)
    CHECK(queue.push(i));
  CHECK_FALSE(queue.push(4));
  std::vector<int> taken;
  const auto take = [&](int item) { taken.push_back(item); };
  CHECK(queue.take_all(take) == 4);
  CHECK(queue.push(4));
  CHECK(queue.take_all(take) == 1);
  CHECK(taken == std::vector{0, 1, 2, 3, 4});
  CHECK(queue.take_all(take) == 0);
}

TEST_CASE("a queue moves items that cannot be copied") {
  SpscQueue<std::unique_ptr<int>> queue(2);
  CHECK(queue.push(std::make_unique<int>(7)));
  std::unique_ptr<int> taken;
  queue.take_all([&](std::unique_ptr<int>& item) { taken = std::move(item); });
  REQUIRE(taken != nullptr);
  CHECK(*taken == 7);
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
    const std::size_t count = queue.take_all([&](std::uint64_t item) {
      in_order = in_order && item == expected;
      ++expected;
    });
    if (count == 0) std::this_thread::yield();
  }
  CHECK(in_order);
}

}  // namespace flow
