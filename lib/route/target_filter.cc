#include "route/target_filter.h"

#include <fmt/format.h>

#include <algorithm>

#include "graph/regex.h"

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
  const Result<graph::Regex> expression = graph::Regex::compile(pattern);
  if (!expression) {
    return Error{Errc::kInvalidArgument,
                 fmt::format("target_executor '{}' is no regular expression: {}", pattern,
                             expression.error().message)};
  }
  Known entry{std::string(pattern), {}};
  for (const wire::TopologyNode& node : topology.nodes) {
    entry.skips.push_back(!expression->begins(node.executor()));
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
