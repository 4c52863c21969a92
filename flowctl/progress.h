// A progress line on stderr: redrawn in place on a terminal. Nothing for what is over in half a
// second.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"

namespace flow::flowctl {

struct ProgressState {
  std::uint64_t documents = 0;
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_total = 0;  // 0: unknown
  Duration elapsed{};
};

// "12,300 documents, 4,100/s, 37 %, 12 s left"
std::string progress_text(const ProgressState& state);

class Progress {
 public:
  // Off unless stderr is a terminal or FLOW_PROGRESS is set to something but 0.
  explicit Progress(Instant began);

  void update(ProgressState state, Instant now);
  void clear();  // takes the line away

 private:
  static constexpr Duration kFirst = std::chrono::milliseconds(500);
  static constexpr Duration kEvery = std::chrono::milliseconds(200);

  bool on_;
  bool in_place_;
  bool shown_ = false;
  Instant began_;
  Instant last_{};
};

}  // namespace flow::flowctl
