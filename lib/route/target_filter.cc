#include "route/target_filter.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>

namespace flow::route {

Result<const std::vector<bool>*> TargetFilter::skips(std::string_view pattern,
                                                     const wire::Topology& topology) {
  if (pattern.empty()) return &none_;
  const auto known = std::ranges::find(known_, pattern, &Known::pattern);
  if (known != known_.end() && known->skips.size() == topology.nodes.size()) return &known->skips;
  if (pattern.size() > kPatternBytes) {
    return Error{Errc::kInvalidArgument,
                 fmt::format("target_executor has {} bytes, at most {} are allowed", pattern.size(),
                             kPatternBytes)};
  }
  RE2::Options options;
  options.set_log_errors(false);
  const RE2 expression(re2::StringPiece(pattern.data(), pattern.size()), options);
  if (!expression.ok()) {
    return Error{Errc::kInvalidArgument,
                 fmt::format("target_executor '{}' is no regular expression: {}", pattern,
                             expression.error())};
  }
  Known entry{std::string(pattern), {}};
  for (const wire::TopologyNode& node : topology.nodes) {
    const re2::StringPiece name(node.name);
    entry.skips.push_back(!expression.Match(name, 0, name.size(), RE2::ANCHOR_START, nullptr, 0));
  }
  if (known_.size() < kPatterns) {
    known_.push_back(std::move(entry));
    return &known_.back().skips;
  }
  Known& slot = known_[next_++ % kPatterns];
  slot = std::move(entry);
  return &slot.skips;
}

}  // namespace flow::route
