#include "flowctl/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "flowctl/output.h"

namespace flow::flowctl {
namespace {

std::string grouped(std::uint64_t number) {
  std::string digits = fmt::format("{}", number);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

bool wanted() {
  const char* variable = std::getenv("FLOW_PROGRESS");
  if (variable != nullptr && *variable != '\0') return std::string_view(variable) != "0";
  return is_terminal(STDERR_FILENO);
}

}  // namespace

std::string progress_text(const ProgressState& state) {
  const double seconds = std::max(to_seconds(state.elapsed), 1e-9);
  std::string out = fmt::format(
      "{} documents, {}/s", grouped(state.documents),
      grouped(static_cast<std::uint64_t>(static_cast<double>(state.documents) / seconds)));
  if (state.bytes_total == 0 || state.bytes_read == 0) return out;
  const double part =
      std::min(1.0, static_cast<double>(state.bytes_read) / static_cast<double>(state.bytes_total));
  return out + fmt::format(", {:.0f} %, {:.0f} s left", part * 100, seconds / part - seconds);
}

Progress::Progress(Instant began)
    : on_(wanted()), in_place_(is_terminal(STDERR_FILENO)), began_(began) {}

void Progress::update(ProgressState state, Instant now) {
  if (!on_ || now - began_ < kFirst || now - last_ < kEvery) return;
  last_ = now;
  shown_ = true;
  state.elapsed = now - began_;
  const std::string text = progress_text(state);
  if (in_place_) {
    fmt::print(stderr, "\r{}\x1b[K", text);
  } else {
    fmt::print(stderr, "{}\n", text);
  }
  std::fflush(stderr);
}

void Progress::clear() {
  if (!shown_ || !in_place_) return;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
  shown_ = false;
}

}  // namespace flow::flowctl
