// How long one operation takes.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace flow::bench {

// Makes the compiler believe that `value` is looked at.
template <typename T>
void keep(const T& value) {
  asm volatile("" : : "g"(&value) : "memory");
}

struct Timing {
  std::string name;
  double median_ns = 0;  // of the batches, each long enough for the clock
  double least_ns = 0;
  std::size_t documents = 0;  // it works on so many, 0: it is not about documents
  double copy_ns = 0;         // what memcpy of the same bytes takes
};

// Runs operations one after the other. One thread.
class Timer {
 public:
  // `batch`: how long each of the batches of one operation runs.
  explicit Timer(Duration batch) : batch_(batch) {}

  // Times `operation`, which can be done again and again.
  void time(std::string_view name, const std::function<void()>& operation);

  // Times an operation that uses up what it works on. `prepare(n)` makes inputs for n operations,
  // `operation(i)` uses up the i-th; only the latter is timed. n is kInputs at most.
  void time_consuming(std::string_view name, const std::function<void(std::size_t)>& prepare,
                      const std::function<void(std::size_t)>& operation);

  // Times memcpy of `bytes` into a buffer that is kept, so that no fresh page is in it; the median.
  double time_copy(std::string_view name, std::size_t bytes);

  // Says of the operation timed last what it works on.
  void relate(std::size_t documents, double copy_ns);

  const std::vector<Timing>& timings() const { return timings_; }

 private:
  void add(std::string_view name, std::vector<double> batches_ns);

  Duration batch_;
  std::vector<Timing> timings_;
};

}  // namespace flow::bench
