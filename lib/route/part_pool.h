// Parts to decode into, used again so that a message in the steady state allocates nothing.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "wire/part.h"

namespace flow::route {

using PartPointer = std::unique_ptr<wire::Part>;

// Of what a part holds on to: payload, parameters, results.
inline void let_go(wire::Part& part) {
  part.payload.clear();
  part.header.parameters.clear();
  part.header.results.clear();
}

// One thread. Keeps up to kKept blank parts; more are freed.
class PartPool {
 public:
  static constexpr std::size_t kKept = 1024;

  PartPointer take() {
    if (free_.empty()) return std::make_unique<wire::Part>();
    PartPointer part = std::move(free_.back());
    free_.pop_back();
    return part;
  }

  void give(PartPointer&& part) {
    if (part == nullptr) return;
    if (free_.size() == kKept) {
      part.reset();
      return;
    }
    let_go(*part);
    free_.push_back(std::move(part));
  }

 private:
  std::vector<PartPointer> free_;
};

}  // namespace flow::route
