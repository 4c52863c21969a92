#include "bench/micro/timer.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace flow::bench {
namespace {

constexpr int kBatches = 5;
constexpr std::size_t kInputs = 64;

double per_operation(Duration took, std::size_t operations) {
  return static_cast<double>(took.count()) / static_cast<double>(operations);
}

}  // namespace

void Timer::time(std::string_view name, const std::function<void()>& operation) {
  const SystemClock clock;
  const auto run = [&clock, &operation](std::size_t times) {
    const Instant began = clock.now();
    for (std::size_t i = 0; i < times; ++i)
      operation();
    return clock.now() - began;
  };
  std::size_t times = 1;
  for (Duration took = run(times); took < batch_; took = run(times))
    times *= 2;
  std::vector<double> batches;
  for (int i = 0; i < kBatches; ++i)
    batches.push_back(per_operation(run(times), times));
  add(name, std::move(batches));
}

void Timer::time_consuming(std::string_view name, const std::function<void(std::size_t)>& prepare,
                           const std::function<void(std::size_t)>& operation) {
  const SystemClock clock;
  std::vector<double> batches;
  for (int batch = 0; batch <= kBatches; ++batch) {
    Duration took{};
    std::size_t times = 0;
    while (took < batch_) {
      prepare(kInputs);
      const Instant began = clock.now();
      for (std::size_t i = 0; i < kInputs; ++i)
        operation(i);
      took += clock.now() - began;
      times += kInputs;
    }
    if (batch > 0) batches.push_back(per_operation(took, times));  // the first warms up
  }
  add(name, std::move(batches));
}

void Timer::add(std::string_view name, std::vector<double> batches_ns) {
  std::ranges::sort(batches_ns);
  timings_.push_back(
      {std::string(name), batches_ns[batches_ns.size() / 2], batches_ns.front(), 0, 0});
}

double Timer::time_copy(std::string_view name, std::size_t bytes) {
  const std::vector<std::byte> from(bytes, std::byte{'x'});
  std::vector<std::byte> to(bytes);
  time(name, [&] {
    std::memcpy(to.data(), from.data(), bytes);
    keep(to[0]);
  });
  return timings_.back().median_ns;
}

void Timer::relate(std::size_t documents, double copy_ns) {
  timings_.back().documents = documents;
  timings_.back().copy_ns = copy_ns;
}

}  // namespace flow::bench
